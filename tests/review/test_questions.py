"""A question is due in the working hours of its site, is answered once, and is seen by the one who is asked."""

from datetime import UTC, datetime

import pytest
from review_rows import put_account, put_place, put_press

from cloud_bridge.review import questions
from cloud_bridge.review.questions import QuestionError
from cloud_bridge.store import org
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope
from cloud_bridge.store.sight import FULL, Sight

FRIDAY_17 = datetime(2026, 11, 20, 14, tzinfo=UTC)  # 17:00 in Moscow


def ns(moment):
    return int(moment.timestamp()) * 10**9


@pytest.fixture
def anna(store):
    put_place(store, time_zone="Europe/Moscow")
    return put_account(store, "anna")


def ask(store, user, press, employee="Ann", hours=4, text="What happened?"):
    return questions.ask(
        store, press, employee, text, hours=hours, account=user.id, user=user.name, at_ns=ns(FRIDAY_17)
    )


def test_a_deadline_counts_working_hours_of_the_site(store, anna):
    made = questions.by_id(store, ask(store, anna, put_press(store, 1)))
    assert made.due_ns == ns(datetime(2026, 11, 23, 9, tzinfo=UTC)), "one hour on Friday, three on Monday from 9 on"
    assert not made.is_overdue(made.due_ns)
    assert made.is_overdue(made.due_ns + 1)


def test_a_site_keeps_its_own_week(store, anna):
    calendar = '{"hours": {"sat": ["10:00-12:00"]}, "holidays": [], "special": {}}'
    org.change_site(store, "site", title="site", time_zone="UTC", calendar=calendar)
    made = questions.by_id(store, ask(store, anna, put_press(store, 1), hours=4))
    assert made.due_ns == ns(datetime(2026, 11, 28, 12, tzinfo=UTC))


def test_only_the_one_who_is_asked_sees_it(store, anna):
    made = ask(store, anna, put_press(store, 1, employee="Ann"))
    ids = lambda scope: [one.id for one in questions.waiting(store, Sight(scope))]  # noqa: E731
    assert ids(Scope(employee="Ann")) == [made]
    assert ids(Scope(employee="Bob")) == []
    assert ids(Scope(places=(Place("site"),))) == [made]
    assert ids(Scope(places=(Place("other"),))) == []


def test_an_answer_comes_once(store, anna):
    press = put_press(store, 1)
    made = ask(store, anna, press)
    assert [one.id for one in questions.of_asker(store, anna.id)] == [made]
    questions.answer(store, made, " The till stood still. ", user="ann", at_ns=7)
    (one,) = questions.of_press(store, press)
    assert (one.state, one.answer, one.answered_by, one.answered_ns) == ("answered", "The till stood still.", "ann", 7)
    with pytest.raises(QuestionError, match="no longer open"):
        questions.answer(store, made, "Again", user="ann", at_ns=8)
    with pytest.raises(QuestionError, match="no longer open"):
        questions.withdraw(store, made)
    assert questions.waiting(store, FULL) == questions.of_asker(store, anna.id) == ()
    assert [one.id for one in questions.settled(store, FULL)] == [made]


@pytest.mark.parametrize("more", [{"text": " "}, {"text": "x" * 1001}, {"hours": 3}, {"employee": ""}])
def test_what_cannot_be_asked(store, anna, more):
    press = put_press(store, 1)
    with pytest.raises(QuestionError):
        ask(store, anna, press, **more)
    with pytest.raises(QuestionError, match="no press"):
        ask(store, anna, "0" * 32)
    assert questions.of_press(store, press) == ()
