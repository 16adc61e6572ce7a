"""Time limits of cases on the business calendar: paused, resumed, warned of once, escalated once."""

import json
import threading
from datetime import UTC, datetime

import pytest
from case_desk import DAY_NS, HOUR_NS, MONDAY_9_NS

from cloud_bridge.cases import alerts, causes, letters, limits, lists, members, work
from cloud_bridge.cases.rows import CaseError, Contact, Status
from cloud_bridge.store import tables_case as t
from cloud_bridge.store.users import Role

NOW = MONDAY_9_NS
WORDS = alerts.load_words()
BERLIN = json.dumps(
    {"hours": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}, "holidays": ["2027-03-29"]}
)


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def due(store, case):
    return lists.find_case(store, case).due_ns


def say(store, now_ns):
    while alerts.say_what_is_due(store, WORDS, now_ns):
        pass


def said(store, case):
    return [event.kind for event in reversed(lists.history(store, case)) if event.kind in {"warned", "escalated"}]


@pytest.fixture
def case(desk):
    return members.gather(desk.store, [desk.press()], by="anna", now_ns=NOW)


def test_a_limit_is_working_time_of_the_site(desk, case):
    # Sixteen hours: all of Monday's nine, seven of Tuesday's.
    assert due(desk.store, case) == at("2027-01-19T16:00")
    assert lists.find_case(desk.store, case).warn_ns == at("2027-01-19T12:00")


def test_a_limit_knows_holidays_and_the_clock_change_of_its_site(desk):
    desk.site("berlin", ("box",), zone="Europe/Berlin", calendar=BERLIN)
    # Thursday, 15:00 in Berlin; on Sunday the clock goes forward, Monday is a holiday.
    case = members.gather(desk.store, [desk.press("berlin")], by="anna", now_ns=at("2027-03-25T14:00"))
    # Two hours on Thursday, eight on Friday, six on Tuesday: 15:00 in Berlin, which is 13:00 UTC now.
    assert due(desk.store, case) == at("2027-03-30T13:00")


def test_waiting_stands_still(desk, case):
    store = desk.store
    work.set_status(store, case, Status.WAITING, by="anna", now_ns=NOW + 2 * HOUR_NS)
    row = lists.find_case(store, case)
    assert (row.due_ns, row.left_s) == (None, 14 * 3600)
    say(store, NOW + 30 * DAY_NS)
    assert said(store, case) == []
    work.set_status(store, case, Status.WORK, by="anna", now_ns=NOW + 7 * DAY_NS)
    # Fourteen hours from Monday nine on.
    assert due(store, case) == at("2027-01-26T14:00")


def test_one_warning_and_one_escalation_each_exactly_once(desk, case):
    store = desk.store
    quality, other_site = desk.account("quality"), desk.account("far", places=(("far", ""),))
    boris = desk.account("boris", Role.SITE_MANAGER, (("site", ""),), language="ru")
    desk.account("gone", disabled=True)
    admin = desk.account("admin", Role.ADMIN)
    work.assign(store, case, boris, by="anna", now_ns=NOW)
    warn_ns, due_ns = lists.find_case(store, case).warn_ns, due(store, case)

    say(store, warn_ns - 1)
    assert desk.mails() == []
    for _ in range(3):
        say(store, warn_ns)
    (mail,) = desk.mails()
    assert (mail.account, mail.kind) == (boris, "mail")
    assert mail.subject == f"Обращение {case}: срок скоро истекает"
    say(store, due_ns - 1)
    assert len(desk.mails()) == 1
    for later in (0, HOUR_NS, 90 * DAY_NS):
        say(store, due_ns + later)
    assert [mail.account for mail in desk.mails()[1:]] == [quality, boris]
    assert {other_site, admin}.isdisjoint(mail.account for mail in desk.mails())
    assert said(store, case) == ["warned", "escalated"]


def test_a_bridge_that_stood_still_says_both_late_and_once(desk, case):
    store = desk.store
    desk.account("quality")
    for _ in range(2):
        say(store, NOW + 30 * DAY_NS)
    assert said(store, case) == ["warned", "escalated"]
    first, second = desk.mails()
    assert "comes late" in first.body
    assert "overdue" in second.subject


def test_a_pause_brings_no_second_warning_but_a_new_limit_does(desk, case):
    store = desk.store
    desk.account("quality")
    warn_ns = lists.find_case(store, case).warn_ns
    say(store, warn_ns)
    work.set_status(store, case, Status.WAITING, by="anna", now_ns=warn_ns)
    work.set_status(store, case, Status.WORK, by="anna", now_ns=warn_ns + DAY_NS)
    say(store, due(store, case) - 1)
    assert said(store, case) == ["warned"]
    work.set_limit(store, case, 8 * 3600, by="anna", now_ns=warn_ns + 2 * DAY_NS)
    say(store, due(store, case))
    assert said(store, case) == ["warned", "warned", "escalated"]
    assert len({mail.key for mail in desk.mails()}) == 3


@pytest.mark.parametrize("end", ["close", "merge"])
def test_nothing_is_said_of_what_is_over(desk, case, end):
    store = desk.store
    desk.account("quality")
    if end == "close":
        work.close(store, case, causes.offered(store, "en")[0].id, "Done.", by="anna", now_ns=NOW)
    else:
        other = members.gather(store, [desk.press()], by="anna", now_ns=NOW)
        work.set_status(store, other, Status.WAITING, by="anna", now_ns=NOW)
        members.merge(store, case, other, by="anna", now_ns=NOW)
    say(store, NOW + 30 * DAY_NS)
    assert desk.mails() == []
    if end == "merge":
        members.unmerge(store, case, by="anna", now_ns=NOW + 31 * DAY_NS)
        say(store, NOW + 31 * DAY_NS)
        assert said(store, case) == ["warned", "escalated"]


def test_a_process_that_dies_in_between_has_said_nothing_and_the_next_one_says_it(desk, case, monkeypatch):
    store = desk.store
    desk.account("quality")
    due_ns = due(store, case)

    def die(*_args, **_more):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(alerts.outbox, "announce", die)
        with pytest.raises(RuntimeError, match="killed"):
            say(store, due_ns)
    assert desk.mails() == []
    assert said(store, case) == []
    say(store, due_ns)
    assert said(store, case) == ["warned", "escalated"]
    assert len(desk.mails()) == 2


def test_two_workers_at_once_say_it_once(desk):
    store = desk.store
    desk.account("quality")
    cases = [members.gather(store, [desk.press()], by="anna", now_ns=NOW) for _ in range(5)]
    threads = [threading.Thread(target=say, args=(store, NOW + 30 * DAY_NS)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [said(store, case) for case in cases] == [["warned", "escalated"]] * 5
    assert len(desk.mails()) == 10


def test_admins_are_told_where_nobody_else_answers_for_the_place(desk, case):
    admin = desk.account("admin", Role.ADMIN)
    say(desk.store, due(desk.store, case))
    assert {mail.account for mail in desk.mails()} == {admin}


def test_an_overdue_case_that_waited_is_due_at_once_when_work_goes_on(desk, case):
    store = desk.store
    late = NOW + 30 * DAY_NS
    work.set_status(store, case, Status.WAITING, by="anna", now_ns=late)
    assert lists.find_case(store, case).left_s < 0
    letters.set_contact(store, case, Contact(email="c@example.org"), by="anna", now_ns=late)
    letters.take_down(store, case, "Well?", by="anna", now_ns=late + DAY_NS)
    assert due(store, case) == late + DAY_NS


def test_the_policy_is_what_new_cases_get(desk):
    store = desk.store
    limits.set_policy(store, limits.Policy(limit_s=3600, warn_before_s=600), by="admin", now_ns=NOW)
    limits.set_policy(store, limits.Policy(limit_s=7200, warn_before_s=600), by="admin", now_ns=NOW)
    case = members.gather(store, [desk.press()], by="anna", now_ns=NOW)
    assert due(store, case) == NOW + 2 * HOUR_NS
    with pytest.raises(CaseError):
        limits.set_policy(store, limits.Policy(limit_s=600, warn_before_s=600), by="admin", now_ns=NOW)


def test_a_calendar_without_hours_is_named(desk):
    desk.site("shut", ("box",), calendar=json.dumps({"hours": {"mon": []}}))
    with pytest.raises(CaseError, match="site 'shut'") as error:
        members.gather(desk.store, [desk.press("shut")], by="anna", now_ns=NOW)
    assert error.value.code == "calendar"
    with desk.store.read() as connection:
        assert connection.execute(t.case_file.select()).all() == []
