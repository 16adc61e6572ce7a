"""The permission table: complete, documented, and asked the same way as lists are filtered."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.access.document import render
from cloud_bridge.access.permissions import Binding, allowed, scopes
from cloud_bridge.access.table import TABLE, WORDS, Action, Reach
from cloud_bridge.store.org import Counter, Organisation, Place, Source
from cloud_bridge.store.users import Role

ROOT = Path(__file__).parents[2]
NORTH, SOUTH = Place("north"), Place("south")
DESK, TILL = Place("north", "desk"), Place("north", "till")
SENSITIVE = {Action.LISTEN, Action.DOWNLOAD_SOUND, Action.SEE_PICTURES, Action.SEE_CONTACTS, Action.EXPORT_ROWS}


def test_the_document_is_the_table():
    assert (ROOT / "docs/PERMISSIONS.md").read_text("utf-8") == render(), "run tools/permissions_doc.py"


def test_every_role_and_every_action_is_in_the_table():
    assert set(TABLE) == set(Role)
    assert set(WORDS) == set(Action)
    assert set().union(*TABLE.values()) == set(Action)


@pytest.mark.parametrize("action", list(Action))
def test_an_admin_may_do_everything_and_nobody_without_a_role_anything(action):
    assert allowed([Binding(Role.ADMIN)], action, DESK, "Ann")
    assert allowed([Binding(Role.ADMIN)], action)
    assert not allowed([], action, DESK, "Ann")


def test_business_sees_figures_and_no_person():
    assert {action for action in Action if allowed([Binding(Role.BUSINESS)], action, NORTH, "Ann")} == {
        Action.SEE_FIGURES,
        Action.EXPORT_FIGURES,
    }


def test_an_auditor_sees_who_listened_and_hears_nothing():
    auditor = [Binding(Role.AUDITOR)]
    assert allowed(auditor, Action.SEE_AUDIT)
    assert not any(allowed(auditor, action, NORTH) for action in SENSITIVE)


def test_an_operator_sees_only_what_is_theirs():
    ann = [Binding(Role.OPERATOR, (NORTH,), "Ann")]
    assert allowed(ann, Action.LISTEN, DESK, "Ann")
    assert not allowed(ann, Action.LISTEN, DESK, "Bob")
    assert not allowed(ann, Action.LISTEN, DESK, None)
    assert not allowed(ann, Action.LISTEN, SOUTH, "Ann")
    assert not allowed([Binding(Role.OPERATOR)], Action.LISTEN, DESK, None)
    assert not allowed(ann, Action.REVIEW, DESK, "Ann")


def test_places_bound_what_a_role_reaches():
    manager = [Binding(Role.SITE_MANAGER, (NORTH,))]
    desk_only = [Binding(Role.SITE_MANAGER, (DESK,))]
    assert allowed(manager, Action.LISTEN, NORTH)
    assert allowed(manager, Action.LISTEN, DESK)
    assert not allowed(manager, Action.LISTEN, SOUTH)
    assert allowed(desk_only, Action.LISTEN, DESK)
    assert not allowed(desk_only, Action.LISTEN, TILL)
    assert not allowed(desk_only, Action.LISTEN, NORTH)
    assert not allowed(manager, Action.SEE_FIGURES, None)
    assert allowed([Binding(Role.BUSINESS)], Action.SEE_FIGURES, None)


@pytest.mark.parametrize("role", list(Role))
def test_what_belongs_to_the_company_needs_a_role_that_holds_everywhere(role):
    for action, reach in TABLE[role].items():
        if reach is Reach.COMPANY:
            assert allowed([Binding(role)], action)
            assert not allowed([Binding(role, (NORTH,))], action, DESK)


def test_a_quality_manager_may_do_what_a_site_manager_may():
    assert TABLE[Role.SITE_MANAGER].items() <= TABLE[Role.QUALITY_MANAGER].items()


names = st.sampled_from(["Ann", "Bob"])
places = st.sampled_from([NORTH, SOUTH, DESK, TILL])
bindings = st.lists(
    st.builds(
        Binding, st.sampled_from(list(Role)), st.lists(places, max_size=2).map(tuple), st.one_of(st.none(), names)
    ),
    max_size=3,
)
ORGANISATION = Organisation(
    sites={},
    counters={place: Counter(site="north", name=place.counter, title="", retired=False) for place in (DESK, TILL)},
    sources={("north", box, ""): Source(site="north", box=box, button="", counter=box) for box in ("desk", "till")},
    employees={},
)


@given(bindings, st.sampled_from(list(Action)))
def test_a_list_shows_exactly_what_may_be_opened(held, action):
    for box, employee in product(("desk", "till"), ("Ann", "Bob", None)):
        shown = any(scope.holds(ORGANISATION, "north", box, "red", employee) for scope in scopes(held, action))
        assert shown == allowed(held, action, Place("north", box), employee)


@given(bindings, bindings, st.sampled_from(list(Action)), st.one_of(st.none(), places), st.one_of(st.none(), names))
def test_more_roles_never_allow_less(held, more, action, place, employee):
    together = allowed([*held, *more], action, place, employee)
    assert together == (allowed(held, action, place, employee) or allowed(more, action, place, employee))
