"""The organisation: boxes and people get their places by themselves, and what people arrange stays."""

import pytest
from bridge_box import SimBox
from bridge_rig import Rig

from cloud_bridge.store import org, users
from cloud_bridge.store.org import OrgError, Place


def test_a_box_stands_at_a_counter_of_its_own_name_from_its_first_message(store):
    Rig(store).take([SimBox(site="moscow", box="till-3").press(employee="Anna K.")])
    known = org.organisation(store)
    assert known.sites["moscow"].title == "moscow"
    assert known.counter_of("moscow", "till-3", "red").name == "till-3"
    assert known.employees["Anna K."].site is None
    assert known.counter_of("moscow", "till-4", "red") is None


def test_what_people_arranged_survives_the_next_message(store):
    box = SimBox(site="moscow", box="till-3")
    Rig(store).take([box.press(employee="Anna K.")])
    org.change_site(store, "moscow", title="Moscow, Arbat 1", time_zone="Europe/Moscow", calendar=None)
    org.put_counter(store, Place("moscow", "hall"), title="Hall")
    org.assign(store, "moscow", "till-3", "", "hall")
    org.put_employee(store, "Anna K.", title="Anna Karenina", site="moscow")
    Rig(store).take([box.press(employee="Anna K.")])
    known = org.organisation(store)
    assert known.sites["moscow"].title == "Moscow, Arbat 1"
    assert known.counter_of("moscow", "till-3", "red").title == "Hall"
    assert known.employees["Anna K."].title == "Anna Karenina"


def test_a_button_may_stand_at_another_counter_than_its_box(store):
    Rig(store).take([SimBox(site="s", box="b").press()])
    org.put_counter(store, Place("s", "door"), title="Door")
    org.assign(store, "s", "b", "green", "door")
    known = org.organisation(store)
    assert known.counter_of("s", "b", "green").name == "door"
    assert known.counter_of("s", "b", "red").name == "b"
    org.unassign_button(store, "s", "b", "green")
    assert org.organisation(store).counter_of("s", "b", "green").name == "b"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: org.change_site(s, "none", title="x", time_zone="UTC", calendar=None), "'none' does not exist"),
        (lambda s: org.change_site(s, "s", title=" ", time_zone="UTC", calendar=None), "1 to 200"),
        (lambda s: org.change_site(s, "s", title="x", time_zone="Mars/Base", calendar=None), "IANA"),
        (lambda s: org.put_counter(s, Place("none", "c"), title="x"), "'none' does not exist"),
        (lambda s: org.assign(s, "s", "b", "", "nowhere"), "make it first"),
        (lambda s: org.unassign_button(s, "s", "b", ""), "some counter"),
        (lambda s: org.put_employee(s, "a\x00b", title="x", site=None), "printable"),
        (lambda s: org.put_employee(s, "Anna", title="x", site="none"), "'none' does not exist"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(store, change, message):
    Rig(store).take([SimBox(site="s", box="b").press()])
    before = org.organisation(store)
    with pytest.raises(OrgError, match=message):
        change(store)
    assert org.organisation(store) == before


def test_an_account_holds_everywhere_until_it_has_places(store):
    user = users.create_user(store, "olga", "a long password", users.Role.SITE_MANAGER, email="o@example.com")
    assert users.user(store, user.id).email == "o@example.com"
    assert org.places_of(store, user.id) == ()
    with store.write() as connection:
        org.set_places(connection, user.id, [Place("s", "b"), Place("a"), Place("a")])
    assert org.places_of(store, user.id) == (Place("a"), Place("s", "b"))
    with store.write() as connection:
        org.set_places(connection, user.id, [])
    assert org.places_of(store, user.id) == ()
