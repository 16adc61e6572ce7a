"""What a person may see: the condition of a query and the answer for one press are the same."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, create_engine, insert, select

from cloud_bridge.store.org import Counter, Organisation, Place, Source
from cloud_bridge.store.scope import EVERYTHING, Scope, condition

SITES, BOXES, BUTTONS, COUNTERS, PEOPLE = ("s", "t"), ("a", "b"), ("red", "green"), ("x", "y"), ("Anna", "Boris", None)
PRESS = Table("press", MetaData(), *(Column(name, String) for name in ("site", "box", "button", "employee")))
EVERY_PRESS = [
    {"site": site, "box": box, "button": button, "employee": employee}
    for site in SITES
    for box in BOXES
    for button in BUTTONS
    for employee in PEOPLE
]

places = st.lists(st.builds(Place, st.sampled_from(SITES), st.sampled_from(("", *COUNTERS))), max_size=3).map(tuple)
scopes = st.builds(Scope, places=places, employee=st.sampled_from(PEOPLE))
sources = st.dictionaries(
    st.tuples(st.sampled_from(SITES), st.sampled_from(BOXES), st.sampled_from(("", *BUTTONS))),
    st.sampled_from(COUNTERS),
)


def make(mapping):
    return Organisation(
        sites={},
        counters={Place(s, c): Counter(site=s, name=c, title=c, retired=False) for s in SITES for c in COUNTERS},
        sources={key: Source(site=key[0], box=key[1], button=key[2], counter=to) for key, to in mapping.items()},
        employees={},
    )


def selected(scope, organisation):
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        PRESS.metadata.create_all(connection)
        connection.execute(insert(PRESS), EVERY_PRESS)
        rows = connection.execute(select(PRESS).where(condition(scope, organisation, PRESS))).mappings()
        found = [dict(row) for row in rows]
    engine.dispose()
    return found


@given(scopes, sources)
def test_a_query_selects_what_the_scope_holds(scope, mapping):
    organisation = make(mapping)
    wanted = [press for press in EVERY_PRESS if scope.holds(organisation, **press)]
    assert selected(scope, organisation) == wanted


def test_everything_is_everything():
    assert EVERYTHING.is_everything
    assert selected(EVERYTHING, make({})) == EVERY_PRESS


def test_a_place_without_any_box_is_nothing():
    assert selected(Scope(places=(Place("s", "x"),)), make({})) == []


def test_a_site_is_held_where_any_of_its_counters_is():
    scope = Scope(places=(Place("s", "x"),))
    assert scope.holds_site("s")
    assert not scope.holds_site("t")
    assert EVERYTHING.holds_site("t")
