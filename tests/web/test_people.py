"""Accounts and invitations: what an administrator can do with them, and what nobody can."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from web_world import PASSWORD, USER, log_in, token_of

from cloud_bridge.store import accounts, invitations, org, users
from cloud_bridge.store.org import Place
from cloud_bridge.store.users import Role, UserError

LINK = re.compile(r'id="link">http://[^/]+(/invite/[\w-]+)<')
NEW_PASSWORD = "a password of my own"


def words(response):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", response.text)))


@pytest.fixture
def places(world):
    world.box("riga", "counter-1")
    world.box("riga", "counter-2")


@pytest.fixture
def send(client):
    def post(path, /, **form):
        return client.post(path, data={"_csrf_token": token_of(client.get("/people").text)} | form)

    return post


@pytest.fixture
def invite(send, places):
    """Makes an invitation through the page; the path of its link."""

    def make(name="olga", role="site_manager", **form):
        answer = send("/people/invitations", name=name, role=role, **form)
        assert answer.status_code == 200, words(answer)
        return LINK.search(answer.text)[1]

    return make


def take(browser, link, name="olga", password=NEW_PASSWORD, again=None):
    form = {"name": name, "password": password, "again": again or password}
    page = browser.get(link)
    token = token_of(page.text if page.status_code == 200 else browser.get("/login").text)
    return browser.post(f"{link}/accept", data=form | {"_csrf_token": token})


def test_an_invited_person_chooses_a_password_and_is_in(invite, stranger, world, client):
    link = invite(reach="some", places=["riga/counter-1", "riga/counter-2"], employee="Olga", email="o@example.org")
    assert "Site manager" in words(stranger.get(link))
    assert take(stranger, link, name="Olga Ozola").headers["location"] == "/"
    made = users.user_by_name(world.store, "Olga Ozola")
    assert (made.role, made.employee, made.email) == (Role.SITE_MANAGER, "Olga", "o@example.org")
    assert org.places_of(world.store, made.id) == (Place("riga", "counter-1"), Place("riga", "counter-2"))
    assert stranger.get("/presses").status_code == 200
    assert stranger.get("/people").status_code == 403
    assert "accepted" in words(client.get("/people"))
    assert [row.action for row in users.list_audit(world.store, limit=2)] == ["invitation.accept", "invitation.make"]


def test_a_link_works_once(invite, stranger, world):
    link = invite()
    take(stranger, link)
    stranger.cookies.clear()
    assert stranger.get(link).status_code == 404
    assert take(stranger, link, name="somebody else").status_code == 404
    assert users.user_by_name(world.store, "somebody else") is None


def test_of_two_who_use_a_link_at_once_one_gets_the_account(world, places):
    secret, _ = invitations.invite(
        world.store, "x", Role.ADMIN, (), email=None, employee=None, by="a", now_ns=1_000_000_000
    )

    def accept(name):
        return invitations.accept(world.store, secret, name, NEW_PASSWORD, None, 2_000_000_000)

    with ThreadPoolExecutor(4) as pool:
        made = [user for user in pool.map(accept, ("a1", "a2", "a3", "a4")) if user]
    assert len(made) == 1


def test_a_link_ends_after_a_week_and_when_it_is_withdrawn(invite, send, stranger, clock, world):
    first, second = invite("one"), invite("two")
    key = next(row.key for row in invitations.list_invitations(world.store) if row.name == "two")
    assert send(f"/people/invitations/{key}/withdraw").status_code == 303
    assert send(f"/people/invitations/{key}/withdraw").status_code == 404
    assert take(stranger, second).status_code == 404
    assert stranger.get(first).status_code == 200
    clock.forward(7 * 86_400)
    assert take(stranger, first).status_code == 404
    assert users.user_by_name(world.store, "one") is None


def test_a_link_stays_good_after_a_mistake(invite, stranger):
    link = invite()
    assert "differ" in words(take(stranger, link, again="another password"))
    assert "at least 10" in words(take(stranger, link, password="short"))
    assert "exists already" in words(take(stranger, link, name=USER))
    assert take(stranger, link).status_code == 303


def test_the_database_never_learns_a_link(invite, world):
    secret = invite().rsplit("/", 1)[1]
    with world.store.read() as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM invitation").all())
        kept += str(connection.exec_driver_sql("SELECT * FROM audit").all())
    assert secret not in kept


def test_a_guessed_link_says_nothing(stranger):
    for guess in ("x", "a" * 43, "..%2f..%2fetc", "%00"):
        assert stranger.get(f"/invite/{guess}").status_code in {400, 404}


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": USER}, "exists already"),
        ({"name": " "}, "1 to 100"),
        ({"role": "king"}, "does not exist"),
        ({"reach": "some"}, "no place is ticked"),
        ({"reach": "some", "places": "nowhere"}, "does not exist"),
        ({"reach": "some", "places": ["riga", "riga/none"]}, "does not exist"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(send, places, world, form, message):
    answer = send("/people/invitations", **{"name": "new", "role": "operator"} | form)
    assert answer.status_code == 400
    assert message in words(answer)
    assert invitations.list_invitations(world.store) == ()


def test_a_changed_role_holds_at_once(send, client, enter, world, places):
    visitor = enter(Role.BUSINESS)
    account = users.user_by_name(world.store, "business0")
    assert visitor.get("/presses").status_code == 403
    answer = send(
        f"/people/{account.id}/change", role="quality_manager", reach="some", places="riga", email="b@example.org"
    )
    assert answer.status_code == 303
    assert visitor.get("/presses").status_code == 200
    assert "Quality manager · riga" in words(client.get(f"/people/{account.id}"))
    assert users.list_audit(world.store)[0].object == "business0 quality_manager riga"
    changed = users.user(world.store, account.id)
    assert (changed.role, changed.email, changed.employee) == (Role.QUALITY_MANAGER, "b@example.org", None)


def test_a_disabled_account_is_out_at_once_and_can_come_back(send, enter, world):
    visitor = enter(Role.ADMIN)
    account = users.user_by_name(world.store, "admin0")
    assert send(f"/people/{account.id}/disable", disabled="yes").status_code == 303
    assert visitor.get("/presses").headers["location"].startswith("/login")
    assert log_in(visitor, "admin0").status_code == 401
    assert send(f"/people/{account.id}/disable", disabled="").status_code == 303
    assert log_in(visitor, "admin0").status_code == 303


def test_somebodys_session_is_ended(send, client, enter, world, clock):
    visitor = enter(Role.BUSINESS)
    account = users.user_by_name(world.store, "business0")
    (session,) = users.list_sessions(world.store, account.id, clock())
    own = users.list_sessions(world.store, users.user_by_name(world.store, USER).id, clock())
    # A session is ended as that of its account only.
    assert send(f"/people/{account.id}/sessions/end", key=own[0].key).status_code == 303
    assert client.get("/people").status_code == 200
    assert "testclient" in words(client.get(f"/people/{account.id}"))
    assert send(f"/people/{account.id}/sessions/end", key=session.key).status_code == 303
    assert visitor.get("/account").status_code == 303


def test_nobody_disables_themselves_and_the_last_admin_stays(send, world, places):
    me = users.user_by_name(world.store, USER)
    assert "your own account" in words(send(f"/people/{me.id}/disable", disabled="yes"))
    assert "last admin" in words(send(f"/people/{me.id}/change", role="auditor"))
    assert "last admin" in words(send(f"/people/{me.id}/change", role="admin", reach="some", places="riga"))
    assert users.user(world.store, me.id) == me
    other = users.create_user(world.store, "other", PASSWORD)
    assert send(f"/people/{me.id}/change", role="auditor").status_code == 303
    with pytest.raises(UserError, match="last admin"):
        accounts.set_disabled(world.store, other.id, disabled=True)


def test_an_auditor_sees_accounts_and_changes_none(enter, world):
    auditor = enter(Role.AUDITOR)
    me = users.user_by_name(world.store, USER)
    page = auditor.get("/people").text
    assert USER in page
    assert "/people/invitations" not in page
    assert "<form" not in auditor.get(f"/people/{me.id}").text.split("<main", 1)[1]
    form = {"_csrf_token": token_of(page), "disabled": "yes"}
    assert auditor.post(f"/people/{me.id}/disable", data=form).status_code == 403


def test_accounts_are_paged_by_name_to_the_last(client, world):
    with world.store.write() as connection:
        for n in range(120):
            values = users.new_account(f"p{n:03d}", PASSWORD, Role.BUSINESS, None, email=None, employee=None)
            connection.execute(users.insert(users.t.user).values(values))
    seen, path = [], "/people?role=business"
    while path:
        page = client.get(path).text
        seen += re.findall(r"<strong>(p\d+)</strong>", page)
        more = re.search(r'href="(/people\?[^"]*after=[^"]+)"', page)
        path = html.unescape(more[1]) if more else None
    assert seen == [f"p{n:03d}" for n in range(120)]
    assert client.get("/people/999999").status_code == 404
    assert client.get("/people?role=king").status_code == 400
