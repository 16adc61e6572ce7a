"""Cases: made of presses, merged and taken apart, worked on, closed; their history says all of it."""

import threading

import pytest
from case_desk import HOUR_NS, MONDAY_9_NS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_bridge.cases import causes, letters, lists, members, work
from cloud_bridge.cases.rows import CaseError, CaseFilter, Contact, Status, Verdict
from cloud_bridge.store.org import Place
from cloud_bridge.store.scope import Scope

NOW = MONDAY_9_NS
ANNA = {"by": "anna", "now_ns": NOW}


def kinds(store, case):
    return [event.kind for event in lists.history(store, case)]


@pytest.fixture
def case(desk):
    return members.gather(desk.store, [desk.press()], **ANNA)


def test_a_case_is_opened_where_its_first_press_happened(desk):
    presses = [desk.press(box="other", employee="Ulla"), desk.press()]
    case = members.gather(desk.store, presses, title="  Two \n lines ", **ANNA)
    row = lists.find_case(desk.store, case)
    assert (row.site, row.counter, row.employee, row.title) == ("site", "other", "Ulla", "Two lines")
    assert (row.status, row.presses, row.simulated, row.opened_by) == (Status.NEW, 2, True, "anna")
    assert lists.presses_of(desk.store, case) == ((presses[0], case), (presses[1], case))
    assert kinds(desk.store, case) == ["press_added", "press_added", "opened"]


def test_gathering_again_changes_nothing(desk):
    presses = [desk.press() for _ in range(3)]
    case = members.gather(desk.store, presses, **ANNA)
    before = lists.history(desk.store, case)
    assert members.gather(desk.store, presses[::-1], **ANNA) == case
    assert lists.history(desk.store, case) == before


def test_presses_of_two_cases_bring_the_cases_together_and_they_part_as_they_were(desk):
    store = desk.store
    first, second, loose = desk.press(), desk.press(), desk.press()
    one, two = members.gather(store, [first], **ANNA), members.gather(store, [second], **ANNA)
    work.set_tags(store, two, ["parking"], **ANNA)
    letters.set_contact(store, two, Contact(email="c@example.org"), **ANNA)
    before = lists.find_case(store, two)

    assert members.gather(store, [second, loose, first], **ANNA) == one
    assert lists.find_case(store, one).presses == 3
    assert lists.find_case(store, two).merged_into == one
    assert [case.id for case in lists.list_cases(store, CaseFilter()).cases] == [one]
    assert lists.cases_of_presses(store, [first, second, loose]) == dict.fromkeys([first, second, loose], one)
    assert {"took_in", "merged", "tagged"} <= set(kinds(store, one))

    members.unmerge(store, two, **ANNA)
    after = lists.find_case(store, two)
    assert (after.presses, after.tags, after.due_ns) == (before.presses, before.tags, before.due_ns)
    assert lists.presses_of(store, one) == ((first, one), (loose, one))
    assert letters.contact(store, two).email == "c@example.org"
    assert "gave_back" in kinds(store, one)


def test_what_was_merged_before_stays_together_when_it_leaves(desk):
    store = desk.store
    a, b, c = (members.gather(store, [desk.press()], **ANNA) for _ in range(3))
    assert members.merge(store, c, b, **ANNA) == b
    assert members.merge(store, b, a, **ANNA) == a
    assert members.merge(store, a, c, **ANNA) == a, "they are one already"
    assert [case.id for case in lists.merged_into(store, a)] == [b, c]
    members.unmerge(store, b, **ANNA)
    assert lists.find_case(store, b).presses == 2
    assert lists.find_case(store, a).presses == 1


def test_what_cannot_be_merged_is_refused(desk):
    store = desk.store
    case = members.gather(store, [desk.press()], **ANNA)
    press = desk.press()
    closed = members.gather(store, [press], **ANNA)
    work.judge(store, closed, Verdict.FALSE, **ANNA)
    work.close(store, closed, causes.UNFOUNDED, "Told the client.", **ANNA)
    for code, attempt in {
        "presses": lambda: members.gather(store, [], **ANNA),
        "presses ": lambda: members.gather(store, ["f" * 32], **ANNA),
        "closed": lambda: members.merge(store, closed, case, **ANNA),
        "closed ": lambda: members.gather(store, [press], into=case, **ANNA),
        "missing": lambda: members.merge(store, case, 10**6, **ANNA),
        "not_merged": lambda: members.unmerge(store, case, **ANNA),
        "last_press": lambda: members.remove_press(store, case, lists.presses_of(store, case)[0][0], **ANNA),
        "presses  ": lambda: members.remove_press(store, case, press, **ANNA),
        "title": lambda: members.gather(store, [desk.press()], title="x" * 201, **ANNA),
    }.items():
        with pytest.raises(CaseError) as error:
            attempt()
        assert error.value.code == code.strip()
    assert lists.find_case(store, case).presses == 1


def test_a_press_is_taken_out_and_put_back(desk):
    presses = [desk.press(), desk.press()]
    case = members.gather(desk.store, presses, **ANNA)
    members.remove_press(desk.store, case, presses[1], **ANNA)
    assert lists.case_of_press(desk.store, presses[1]) is None
    assert members.gather(desk.store, [presses[1]], into=case, **ANNA) == case
    assert kinds(desk.store, case)[:2] == ["press_added", "press_removed"]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_merging_and_parting_in_any_order_loses_no_press(desk, steps):
    store = desk.store
    cases = [members.gather(store, [desk.press()], **ANNA) for _ in range(6)]
    for together, a, b in steps:
        if together:
            members.merge(store, cases[a], cases[b], **ANNA)
        elif lists.find_case(store, cases[a]).merged_into is not None:
            members.unmerge(store, cases[a], **ANNA)
    roots = [case for case in cases if lists.find_case(store, case).merged_into is None]
    assert sum(lists.find_case(store, root).presses for root in roots) == len(cases)
    for case in cases:
        if lists.find_case(store, case).merged_into is not None:
            members.unmerge(store, case, **ANNA)
    assert [len(lists.presses_of(store, case)) for case in cases] == [1] * 6


def test_two_that_merge_in_a_circle_at_once_make_none(desk):
    store = desk.store
    cases = [members.gather(store, [desk.press()], **ANNA) for _ in range(3)]
    threads = [
        threading.Thread(target=members.merge, args=(store, cases[n], cases[(n + 1) % 3]), kwargs=ANNA)
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roots = [case for case in cases if lists.find_case(store, case).merged_into is None]
    assert len(roots) == 1
    assert lists.find_case(store, roots[0]).presses == 3


def test_closing_needs_a_cause_and_a_measure(desk, case):
    store = desk.store
    cause = causes.offered(store, "en")[0].id
    for code, values in {
        "cause": ("", "Talked to Ulla."),
        "cause ": ("causes.nothing", "Talked to Ulla."),
        "measure": (cause, "  x "),
        "unfounded": (causes.UNFOUNDED, "Nothing."),
    }.items():
        with pytest.raises(CaseError) as error:
            work.close(store, case, *values, **ANNA)
        assert error.value.code == code.strip()
    with pytest.raises(CaseError):
        work.set_status(store, case, Status.CLOSED, **ANNA)
    assert lists.find_case(store, case).status is Status.NEW

    work.close(store, case, cause, " Talked to Ulla. ", **ANNA)
    row = lists.find_case(store, case)
    assert (row.status, row.cause, row.measure, row.closed_by) == (Status.CLOSED, cause, "Talked to Ulla.", "anna")
    assert row.due_ns is None
    with pytest.raises(CaseError, match="reopen"):
        work.assign(store, case, None, **ANNA)
    work.comment(store, case, "A closed case can be spoken of.", **ANNA)
    work.reopen(store, case, **ANNA)
    assert lists.find_case(store, case).status is Status.WORK
    assert lists.find_case(store, case).due_ns is not None
    with pytest.raises(CaseError, match="not closed"):
        work.reopen(store, case, **ANNA)


def test_every_change_is_a_line_of_the_history(desk, case):
    store = desk.store
    boris = desk.account("boris")
    work.set_status(store, case, Status.WORK, **ANNA)
    work.assign(store, case, boris, **ANNA)
    work.judge(store, case, Verdict.CHECK, **ANNA)
    work.set_tags(store, case, ["queue", " evening  shift ", "queue"], **ANNA)
    work.rename(store, case, "A queue", **ANNA)
    work.comment(store, case, "<b>Line one</b>\r\nline two", **ANNA)
    row = lists.find_case(store, case)
    assert (row.assignee_name, row.verdict, row.tags) == ("boris", Verdict.CHECK, ("evening shift", "queue"))
    found = kinds(store, case)
    assert found[:6] == ["comment", "renamed", "tagged", "judged", "assigned", "status"]
    assert lists.history(store, case)[0].text == "<b>Line one</b>\nline two"
    # Saying the same again is no change.
    work.set_status(store, case, Status.WORK, **ANNA)
    work.assign(store, case, boris, **ANNA)
    work.judge(store, case, Verdict.CHECK, **ANNA)
    work.set_tags(store, case, ["queue", "evening shift"], **ANNA)
    work.rename(store, case, "A queue", **ANNA)
    assert kinds(store, case) == found


def test_work_on_a_merged_case_is_refused(desk, case):
    other = members.gather(desk.store, [desk.press()], **ANNA)
    members.merge(desk.store, other, case, **ANNA)
    with pytest.raises(CaseError) as error:
        work.comment(desk.store, other, "lost", **ANNA)
    assert error.value.code == "merged"


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        ("assignee", lambda store, case: work.assign(store, case, 10**6, **ANNA)),
        ("tags", lambda store, case: work.set_tags(store, case, ["x" * 61], **ANNA)),
        ("tags", lambda store, case: work.set_tags(store, case, [str(n) for n in range(21)], **ANNA)),
        ("text", lambda store, case: work.comment(store, case, " \n", **ANNA)),
        ("text", lambda store, case: work.comment(store, case, "x" * 10_001, **ANNA)),
        ("limit", lambda store, case: work.set_limit(store, case, 0, **ANNA)),
        ("missing", lambda store, _case: work.comment(store, 10**6, "x", **ANNA)),
    ],
)
def test_what_cannot_be_is_refused(desk, case, code, attempt):
    with pytest.raises(CaseError) as error:
        attempt(desk.store, case)
    assert error.value.code == code


def test_lists_show_what_is_due_first_and_closed_ones_last(desk):
    store = desk.store
    cases = [members.gather(store, [desk.press()], by="anna", now_ns=NOW + n * HOUR_NS) for n in range(5)]
    work.set_limit(store, cases[3], 1800, by="anna", now_ns=NOW + 4 * HOUR_NS)
    work.set_status(store, cases[0], Status.WAITING, by="anna", now_ns=NOW + 4 * HOUR_NS)
    for n in (1, 2):
        work.judge(store, cases[n], Verdict.FALSE, **ANNA)
        work.close(store, cases[n], causes.UNFOUNDED, "Nothing.", by="anna", now_ns=NOW + (5 + n) * HOUR_NS)
    wanted = [cases[3], cases[4], cases[0], cases[2], cases[1]]
    found, cursor = [], None
    while True:
        page = lists.list_cases(store, CaseFilter(), cursor, limit=2)
        found += [case.id for case in page.cases]
        cursor = page.next
        if cursor is None:
            break
    assert found == wanted
    assert lists.count_cases(store, CaseFilter()) == 5

    def ids(**where):
        return [case.id for case in lists.list_cases(store, CaseFilter(**where)).cases]

    assert ids(statuses=(Status.CLOSED,)) == [cases[2], cases[1]]
    assert ids(overdue_ns=NOW + 5 * HOUR_NS) == [cases[3]]
    assert ids(verdict=Verdict.FALSE, cause=causes.UNFOUNDED) == [cases[2], cases[1]]
    assert ids(site="elsewhere") == []
    assert ids(opened_since_ns=NOW + 4 * HOUR_NS) == [cases[4]]
    boris = desk.account("boris")
    work.assign(store, cases[4], boris, **ANNA)
    work.set_tags(store, cases[4], ["queue"], **ANNA)
    assert ids(assignee=boris) == ids(tag="queue") == [cases[4]]
    assert cases[4] not in ids(assignee=0)
    assert lists.tags_in_use(store) == ("queue",)


def test_a_list_holds_the_cases_of_the_places_and_nothing_else(desk):
    desk.site("far", ("box",))
    here = members.gather(desk.store, [desk.press(box="other")], **ANNA)
    beside = members.gather(desk.store, [desk.press(box="box")], **ANNA)
    far = members.gather(desk.store, [desk.press("far")], **ANNA)
    for places, wanted in {
        (): {here, beside, far},
        (Place("site"),): {here, beside},
        (Place("site", "other"),): {here},
        (Place("far"), Place("site", "box")): {far, beside},
        (Place("nowhere"),): set(),
    }.items():
        scope = Scope(places=places)
        assert {case.id for case in lists.list_cases(desk.store, CaseFilter(), scope=scope).cases} == wanted
        assert {case for case in (here, beside, far) if lists.find_case(desk.store, case, scope)} == wanted
        assert lists.count_cases(desk.store, CaseFilter(), scope) == len(wanted)


def test_a_client_is_written_to_and_the_reply_kept(desk, case):
    store = desk.store
    with pytest.raises(CaseError) as error:
        letters.write(store, case, "Your visit", "Sorry.", **ANNA)
    assert error.value.code == "no_address"
    letters.set_contact(
        store, case, Contact(name=" Ilze  B ", email="Ilze@Example.org", phone="+371 (20) 00-00-00"), **ANNA
    )
    assert letters.contact(store, case) == Contact(name="Ilze B", email="ilze@example.org", phone="+37120000000")
    letters.write(store, case, "Your visit\nBcc: all@example.org", "Sorry.", **ANNA, then_wait=True)
    assert lists.find_case(store, case).status is Status.WAITING
    (mail,) = desk.mails()
    assert (mail.address, mail.body, mail.state) == ("ilze@example.org", "Sorry.", "waiting")
    assert "\n" not in mail.subject
    letters.take_down(store, case, "All is well.", by="anna", now_ns=NOW + HOUR_NS)
    assert lists.find_case(store, case).status is Status.WORK
    out, reply = letters.messages(store, case)
    assert (out.direction, out.delivery, out.address) == ("out", "waiting", "ilze@example.org")
    assert (reply.direction, reply.text) == ("in", "All is well.")
    assert kinds(store, case)[:5] == ["status", "replied", "status", "wrote", "contact"]
    # What stays for ever does not say who.
    assert "ilze" not in str(lists.history(store, case)).lower()
    letters.set_contact(store, case, Contact(), **ANNA)
    assert letters.contact(store, case) is None


@pytest.mark.parametrize(
    ("code", "contact"),
    [
        ("email", Contact(email="no address")),
        ("email", Contact(email="a@b.example\nBcc: x@y.example")),
        ("phone", Contact(phone="call me")),
        ("name", Contact(name="x" * 201)),
    ],
)
def test_a_contact_that_cannot_be_is_refused(desk, case, code, contact):
    with pytest.raises(CaseError) as error:
        letters.set_contact(desk.store, case, contact, **ANNA)
    assert error.value.code == code
