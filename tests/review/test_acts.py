"""What is said of presses is kept with who said it, and taken back without losing what others said since."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_rows import START_NS, press_id, put_account, put_press, put_snapshot
from sqlalchemy import func, select

from cloud_bridge.review import acts
from cloud_bridge.review.acts import ReviewError, Say
from cloud_bridge.review.state import Person, known_tags, state
from cloud_bridge.store import snapshots, tables_review


@pytest.fixture
def anna(store):
    return person(put_account(store, "anna"))


@pytest.fixture
def boris(store):
    return person(put_account(store, "boris"))


def person(user, at_ns=START_NS):
    return Person(user.id, user.name, "192.0.2.1", at_ns)


def test_what_is_said_of_a_press_is_everybodys_but_a_look_is_ones_own(store, anna, boris):
    press = put_press(store, 1)
    acts.act(store, anna, [press], Say(verdict="true", note=" Shouting. ", tags=("Late", "late  shift"), reviewed=True))
    hers, his = state(store, press, anna.account), state(store, press, boris.account)
    assert (his.verdict, his.note, his.tags, his.changed_by) == ("true", "Shouting.", ("late", "late shift"), "anna")
    assert (hers.reviewed, his.reviewed) == (True, False)
    assert known_tags(store) == ("late", "late shift")


def test_saying_the_same_again_is_no_step(store, anna):
    press = put_press(store, 1)
    assert acts.act(store, anna, [press], Say(verdict="check")) is not None
    assert acts.act(store, anna, [press], Say(verdict="check")) is None
    assert acts.act(store, anna, [press], Say()) is None


def test_a_step_is_taken_back_whole(store, anna):
    press = put_press(store, 1)
    put_snapshot(store, press)
    acts.act(store, anna, [press], Say(verdict="check", score=2))
    step = acts.act(store, anna, [press], Say(verdict="true", note="so", tags=("a",), score=5, reviewed=True))
    assert acts.undo(store, anna, step) == acts.Undone(1, 0)
    after = state(store, press, anna.account)
    assert (after.verdict, after.note, after.tags, after.score, after.reviewed) == ("check", "", (), 2, False)
    with pytest.raises(ReviewError, match="already"):
        acts.undo(store, anna, step)


def test_what_somebody_changed_since_stays(store, anna, boris):
    presses = [put_press(store, number) for number in (1, 2)]
    step = acts.act(store, anna, presses, Say(verdict="false", add_tag="quiet"))
    acts.act(store, boris, [presses[0]], Say(verdict="true"))
    assert acts.undo(store, anna, step) == acts.Undone(2, 1)
    assert [state(store, press, 0).verdict for press in presses] == ["true", None]
    assert [state(store, press, 0).tags for press in presses] == [(), ()]


def test_nobody_takes_back_what_another_did(store, anna, boris):
    step = acts.act(store, anna, [put_press(store, 1)], Say(verdict="true"))
    with pytest.raises(ReviewError, match="not yours"):
        acts.undo(store, boris, step)
    with pytest.raises(ReviewError, match="not yours"):
        acts.undo(store, anna, step + 1)


def test_the_history_tells_who_said_what(store, anna, boris):
    press = put_press(store, 1)
    acts.act(store, anna, [press], Say(verdict="check", reviewed=True))
    acts.act(store, boris, [press], Say(verdict="true"))
    told = [(one.user, one.what, one.old, one.new) for one in acts.history(store, press, boris.account)]
    assert told == [("boris", "verdict", "check", "true"), ("anna", "verdict", None, "check")]
    assert ("anna", "reviewed") in [(one.user, one.what) for one in acts.history(store, press, anna.account)]


def test_a_score_is_the_snapshots_and_on_record(store, anna):
    press, without = put_press(store, 1), put_press(store, 2)
    snapshot = put_snapshot(store, press)
    assert acts.act(store, anna, [press, without], Say(score=4)) is not None
    assert snapshots.qualifications(store, snapshot)[0].score == 4
    assert state(store, without, anna.account).score is None


def test_many_at_once_are_one_step(store, anna):
    presses = [put_press(store, number) for number in range(1, 30)]
    step = acts.act(store, anna, presses, Say(verdict="false", reviewed=True, spent_s=3))
    with store.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables_review.review_step)).scalar_one() == 1
    assert acts.spent(store, anna.account) == (), "one look at many is no time of one"
    assert acts.undo(store, anna, step).presses == 29


def test_seconds_of_single_looks_are_kept(store, anna):
    for number, seconds in enumerate((9.5, 2.25, 4), 1):
        acts.act(store, anna, [put_press(store, number)], Say(reviewed=True, spent_s=seconds))
    assert acts.spent(store, anna.account) == (2.25, 4, 9.5)


def test_what_cannot_be_said_changes_nothing(sqlite_store):
    press, anna = put_press(sqlite_store, 1), person(put_account(sqlite_store, "anna"))
    for say in (
        Say(verdict="perhaps"),
        Say(note="x" * 2001),
        Say(tags=("a,b",)),
        Say(tags=("",)),
        Say(tags=("x" * 41,)),
        Say(tags=tuple(map(str, range(21)))),
        Say(add_tag="\x00"),
        Say(score=6),
        Say(spent_s=-1),
        Say(spent_s=float("nan")),
    ):
        with pytest.raises(ReviewError):
            acts.act(sqlite_store, anna, [press], say)
        assert state(sqlite_store, press, anna.account).changed_ns is None


SAYS = st.builds(
    Say,
    verdict=st.sampled_from([None, "false", "check", "true"]),
    note=st.sampled_from(["", "a", "b"]),
    tags=st.lists(st.sampled_from("xyz"), max_size=2).map(tuple),
    reviewed=st.booleans(),
)


@pytest.fixture(scope="module")
def walked(sqlite_template, tmp_path_factory):
    import shutil

    from cloud_bridge.store.engine import open_store

    path = tmp_path_factory.mktemp("walk") / "bridge.db"
    shutil.copyfile(sqlite_template, path)
    opened = open_store(f"sqlite:///{path}")
    for number in (1, 2, 3):
        put_press(opened, number)
    yield opened, person(put_account(opened, "anna"))
    opened.close()


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from([1, 2, 3]), min_size=1), SAYS), max_size=4))
def test_taking_back_every_step_from_the_last_on_leads_to_the_beginning(walked, steps):
    store, anna = walked
    every = [press_id(number) for number in (1, 2, 3)]
    before = [parts(store, press, anna) for press in every]
    made = [acts.act(store, anna, [press_id(number) for number in sorted(which)], say) for which, say in steps]
    for step in reversed([step for step in made if step is not None]):
        assert acts.undo(store, anna, step).kept == 0
    assert [parts(store, press, anna) for press in every] == before


def parts(store, press, who):
    found = state(store, press, who.account)
    return (found.verdict, found.note, found.tags, found.score, found.reviewed)
