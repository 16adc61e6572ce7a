"""Background work: due tasks run, one process at a time does them, a dead one is replaced, a database is waited for."""

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from cloud_bridge.jobs import LEASE_NS, Jobs, Task


class Hands:
    """Two or more processes on one database, with a clock that the test moves."""

    def __init__(self, store):
        self.store = store
        self.now_ns = 10**18
        self.done = []

    def jobs(self, holder, *, more=False, wait=lambda _seconds: True, work=None):
        def note(now_ns):
            self.done.append((holder, now_ns))
            return more

        return Jobs(
            self.store,
            [Task("one", 5.0, work or note)],
            holder,
            wait=wait,
            now_ns=lambda: self.now_ns,
            monotonic_s=lambda: self.now_ns / 1e9,
        )

    def forward(self, seconds):
        self.now_ns += int(seconds * 1e9)


@pytest.fixture
def hands(store):
    return Hands(store)


def test_a_task_comes_round_when_it_is_due(hands):
    jobs = hands.jobs("a")
    for seconds in (0, 4, 1, 4, 1):
        hands.forward(seconds)
        assert jobs.round() is False
    assert [(now - 10**18) // 10**9 for _, now in hands.done] == [0, 5, 10]


def test_what_is_not_done_goes_on_at_once(hands):
    jobs = hands.jobs("a", more=True)
    assert jobs.round()
    assert jobs.round()
    assert len(hands.done) == 2


def test_one_of_two_processes_works_and_the_other_takes_over_when_it_is_gone(hands):
    first, second = hands.jobs("a"), hands.jobs("b")
    first.round()
    second.round()
    hands.forward(LEASE_NS / 1e9 - 1)
    second.round()
    assert [holder for holder, _ in hands.done] == ["a"]
    hands.forward(2)
    second.round()
    first.round()
    assert [holder for holder, _ in hands.done] == ["a", "b"]


def test_a_database_that_is_away_is_waited_for_and_other_errors_end_it(hands):

    waits, trouble = [], [OperationalError("x", {}, sqlite3.OperationalError("database is locked"))]

    def work(_now_ns):
        if trouble:
            raise trouble.pop()
        raise ZeroDivisionError

    def wait(seconds):
        waits.append(seconds)
        hands.forward(seconds)
        return False

    with pytest.raises(ZeroDivisionError):
        hands.jobs("a", wait=wait, work=work).run()
    assert waits == [0.0, 10.0]
