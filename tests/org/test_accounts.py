"""Accounts, invitations, the audit trail and who is seen where, on both databases."""

import pytest
from argon2 import PasswordHasher
from bridge_box import SimBox
from bridge_rig import Rig

from cloud_bridge.store import accounts, audit_trail, invitations, org, staff, tallies, users
from cloud_bridge.store.audit_trail import AuditFilter
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import FULL, open_sight, sees_press, sees_track
from cloud_bridge.store.users import Role, UserError

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch):
    monkeypatch.setattr(users, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_an_invitation_makes_one_account_with_its_places(store):
    Rig(store).take([SimBox(site="moscow", box="till-3").press()])
    places = (Place("moscow", "till-3"),)
    secret, made = invitations.invite(
        store, "olga", Role.OPERATOR, places, email="o@example.org", employee="Olga", by="anna", now_ns=5
    )
    assert invitations.list_invitations(store) == (made,)
    user = invitations.accept(store, secret, "olga", PASSWORD, "ru", 6)
    assert invitations.accept(store, secret, "again", PASSWORD, "ru", 6) is None
    (account,) = accounts.list_accounts(store, 0)
    assert (account.user, account.places, account.seen_ns) == (user, places, None)


def test_the_last_admin_stays(store):
    first = users.create_user(store, "first", PASSWORD)
    second = users.create_user(store, "second", PASSWORD)
    accounts.set_disabled(store, second.id, disabled=True)
    for change in (
        lambda: accounts.set_disabled(store, first.id, disabled=True),
        lambda: accounts.change_account(
            store, first.id, role=Role.ADMIN, places=(Place("moscow"),), email=None, employee=None
        ),
    ):
        with pytest.raises(UserError, match="last admin"):
            change()
    assert users.user(store, first.id) == first
    assert org.places_of(store, first.id) == ()


def test_the_trail_is_asked_on_both_databases_alike(store):
    for n in range(6):
        users.add_audit(store, at_ns=n, user=f"p{n % 2}", action=f"a.{n % 3}", object="я" * 600 if n == 5 else str(n))
    assert audit_trail.actions(store) == ("a.0", "a.1", "a.2")
    found = audit_trail.list_lines(store, AuditFilter(person="p1", since_ns=1, until_ns=5), None, 10)
    assert [row.object for row in found] == ["3", "1"]
    assert len(list(audit_trail.every_line(store, AuditFilter()))) == 6
    # An index entry has a largest size; what is longer is cut, not refused.
    assert audit_trail.list_lines(store, AuditFilter(), None, 1)[0].object == "я" * users.AUDIT_OBJECT_CHARS


def test_people_are_named_only_where_they_are_seen(store):
    moscow, riga = SimBox(site="moscow", box="till-3"), SimBox(seed=2, site="riga", box="desk")
    messages = [moscow.press(employee="Anna"), riga.press(employee="Boris")]
    Rig(store).take(messages)
    while tallies.count_dirty(store):
        pass
    known = org.organisation(store)
    with store.read() as connection:
        now_ns = connection.exec_driver_sql("SELECT max(wall_ns) FROM press").scalar()
    people = [("Anna", "Anna"), ("Boris", "Boris")]
    for places, expected in (
        ((), people),
        ((Place("moscow"),), people[:1]),
        ((Place("riga", "desk"),), people[1:]),
        ((Place("riga", "hall"),), []),
    ):
        sight = open_sight(store, Scope(places=places))
        assert list(staff.people_in(store, sight, known, now_ns)) == expected
    buttons, seen = staff.seen_at(store, "moscow", 0)
    assert seen == {"Anna"}
    assert {box for box, _ in buttons} == {"till-3"}


def test_a_track_is_seen_by_who_sees_its_press(store):
    messages, track = SimBox(site="moscow", box="till-3").press_and_track(seconds=0.2)
    Rig(store).take(messages)
    press = track.data.press
    here, there = (open_sight(store, Scope(places=(Place(site),))) for site in ("moscow", "riga"))
    nobody = open_sight(store, Scope(employee="Nobody"))
    assert [sees_press(store, sight, press) for sight in (FULL, here, there, nobody)] == [True, True, False, False]
    found = [sees_track(store, sight, track.data.track) for sight in (FULL, here, there, nobody)]
    assert found == [True, True, False, False]
