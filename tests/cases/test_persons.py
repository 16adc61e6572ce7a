"""Persons: exported, removed with proof, kept where a legal hold says so, not brought back by what comes late."""

import io
import json
import zipfile

import pytest
from case_desk import DAY_NS, MONDAY_9_NS
from case_shelf import Shelf
from sqlalchemy import insert, select

from cloud_bridge.blobs import BlobError, open_blobs
from cloud_bridge.cases import letters, lists, members, work
from cloud_bridge.cases.rows import Contact
from cloud_bridge.retention import clients, employees, holds, persons
from cloud_bridge.retention import work as background
from cloud_bridge.retention.classes import RetentionError
from cloud_bridge.retention.export import write_export
from cloud_bridge.retention.persons import PersonKind
from cloud_bridge.store import tables as tp
from cloud_bridge.store import tables_case as tc
from cloud_bridge.store import tables_org as to
from cloud_bridge.store import tables_tally as tt
from cloud_bridge.store.tables import metadata

NOW = MONDAY_9_NS
ANNA = {"by": "anna", "now_ns": NOW}
MAIL, PHONE = "ilze@example.org", "+37120000000"
ASKED = {"reason": "asked by letter", "with_sound": True, **ANNA}


@pytest.fixture
def shelf(desk, tmp_path):
    return Shelf(desk, open_blobs((tmp_path / "blobs").as_uri()), tmp_path)


def run(shelf, now_ns=NOW):
    for _ in range(50):
        if not background.remove_persons(shelf.store, shelf.blobs, now_ns):
            return
    raise AssertionError("it never comes to an end")


def everything(store):
    """Every text that the database holds, but for the audit trail."""
    with store.read() as connection:
        return json.dumps(
            [
                [str(value) for value in row]
                for table in metadata.sorted_tables
                if table.name != "audit"
                for row in connection.execute(select(table)).all()
            ],
            ensure_ascii=False,
        )


@pytest.fixture
def case(shelf):
    """A case of a client who is named wherever a client can be named."""
    store = shelf.store
    made = members.gather(store, [shelf.press()], title="Ilze Bērziņa waited", **ANNA)
    letters.set_contact(store, made, Contact(name="Ilze Bērziņa", email=MAIL, phone=PHONE), **ANNA)
    letters.write(store, made, "Your visit", "Dear Ilze Bērziņa", **ANNA)
    letters.take_down(store, made, f"Call me: {PHONE}", **ANNA)
    work.comment(store, made, f"ILZE BĒRZIŅA called from {PHONE}; answer to {MAIL}.", **ANNA)
    return made


def test_a_client_is_removed_with_proof(shelf, case):
    store = shelf.store
    (press,) = [press for press, _ in lists.presses_of(store, case)]
    other = members.gather(store, [shelf.press()], **ANNA)
    letters.set_contact(store, other, Contact(email="other@example.org"), **ANNA)
    number = persons.request(store, PersonKind.CLIENT, " Ilze@Example.org ", **ASKED)
    run(shelf)
    person = persons.find(store, number)
    assert (person.done_ns, person.subject) == (NOW, None)
    assert person.counts == {"sound": 1, "picture": 1, "client_rows": 3, "mentions": 2}
    assert shelf.files(press) == set()
    text = everything(store).lower()
    for word in (MAIL, PHONE, "ilze", "bērziņa"):
        assert word not in text
    assert letters.contact(store, other).email == "other@example.org"
    lines = persons.proof(store, number)
    assert {(one.kind, one.press) for one in lines if one.sha256} == {("picture", press), ("sound", press)}
    assert {one.kind for one in lines} == {"sound", "picture", "contact", "messages"}
    assert lists.history(store, case)[0].kind == "person_removed"
    assert persons.digest_of(person.salt, MAIL) == person.digest
    # Nobody is there to be removed again.
    with pytest.raises(RetentionError):
        persons.request(store, PersonKind.CLIENT, MAIL, **ASKED)


def test_sound_stays_where_it_was_not_asked_for(shelf, case):
    (press,) = [press for press, _ in lists.presses_of(shelf.store, case)]
    persons.request(shelf.store, PersonKind.CLIENT, "+371 2000 0000", **ASKED | {"with_sound": False})
    run(shelf)
    assert shelf.files(press) == {"sound", "picture"}
    assert letters.contact(shelf.store, case) is None


@pytest.mark.parametrize("on", ["case", "press"])
def test_a_legal_hold_withholds_and_the_removal_goes_on_when_it_is_lifted(shelf, case, on):
    store = shelf.store
    (press,) = [press for press, _ in lists.presses_of(store, case)]
    if on == "case":
        hold = holds.hold_case(store, case, "Claim 4711", **ANNA)
    else:
        hold = holds.hold_press(store, press, "Claim 4711", **ANNA)
    before = everything(store)
    number = persons.request(store, PersonKind.CLIENT, MAIL, **ASKED)
    run(shelf)
    person = persons.find(store, number)
    assert person.done_ns is None
    assert person.counts["withheld_cases"] == [case]
    assert shelf.files(press) == {"sound", "picture"}
    assert letters.contact(store, case).email == MAIL
    assert all(line in everything(store) for line in json.loads(before)[0])
    holds.release(store, hold, **ANNA)
    run(shelf, NOW + DAY_NS)
    assert persons.find(store, number).done_ns == NOW + DAY_NS
    assert shelf.files(press) == set()
    assert MAIL not in everything(store)


def test_what_dies_in_between_is_finished_by_the_next_one(shelf, case, monkeypatch):
    number = persons.request(shelf.store, PersonKind.CLIENT, MAIL, **ASKED)
    with monkeypatch.context() as patch:
        patch.setattr(clients, "_remove_words", lambda *_args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(shelf)

    def away(_key):
        raise BlobError("away")

    assert persons.find(shelf.store, number).done_ns is None
    run(shelf)
    assert MAIL not in everything(shelf.store)
    assert persons.find(shelf.store, number).counts["sound"] == 1


def a_day_of(shelf, name, slot_ns=NOW):
    """What names an employee in all tables that do."""
    store, desk = shelf.store, shelf.desk
    payload = json.dumps({"id": "x", "data": {"employee": name, "button": "red"}})
    press = shelf.press(employee=name, payload=payload)
    shift = desk.new_id()
    event = {"id": shift, "site": "site", "box": "box", "series": "s" * 32, "seq": 1, "type": "shift"}
    with store.write() as connection:
        if connection.execute(select(to.employee).where(to.employee.c.name == name)).first() is None:
            connection.execute(insert(to.employee).values(name=name, title=name, site=None, retired=False))
        values = event | {"sha256": "0" * 64, "received_ns": NOW, "payload": payload}
        connection.execute(insert(tp.event).values(values))
        stamp = {"boot_id": "b" * 32, "mono_ns": 0, "wall_ns": NOW, "synced": True, "repaired": False}
        row = {"id": shift, "site": "site", "box": "box", "button": "red", "employee": name, "source": "gpio"}
        connection.execute(insert(tp.shift).values(row | stamp | {"uncertainty_ms": 1.0}))
        receipt = {"site": "site", "id": shift, "box": "box", "employee": name, "wall_ns": NOW, "voided": False}
        connection.execute(insert(tt.sale).values(receipt | {"simulated": False, "received_ns": NOW}))
        count = {"site": "site", "box": "box", "slot_ns": slot_ns, "button": "", "trigger": "served", "rating": 0}
        count |= {"employee": name, "simulated": False, "count": 3, "misuse": 1}
        connection.execute(insert(tt.tally).values(count))
    return press


def test_an_employee_gets_a_pseudonym_everywhere_and_the_figures_stay(shelf):
    store, name = shelf.store, 'Ulla "U" Ņ.'
    press = a_day_of(shelf, name)
    a_day_of(shelf, "Boris")
    case = members.gather(store, [press], **ANNA)
    account = shelf.desk.account("ulla", employee=name, email="u@example.org")
    number = persons.request(store, PersonKind.EMPLOYEE, name, **ASKED)
    run(shelf)
    person = persons.find(store, number)
    assert person.done_ns == NOW
    assert person.counts == dict.fromkeys(("shift", "press", "sale", "case_file", "tally", "account", "employee"), 1)
    assert name not in everything(store)
    assert json.dumps(name)[1:-1] not in everything(store)
    with store.read() as connection:
        row = connection.execute(select(tp.event.c.payload, tp.event.c.sha256).where(tp.event.c.id == press)).one()
        assert json.loads(row.payload)["data"] == {"employee": person.pseudonym, "button": "red"}
        assert row.sha256 == "0" * 64
        assert connection.execute(select(tp.user.c.disabled).where(tp.user.c.id == account)).scalar()
        counts = {
            row.employee: row.n for row in connection.execute(select(tt.tally.c.employee, tt.tally.c.count.label("n")))
        }
    assert counts == {person.pseudonym: 3, "Boris": 3}
    assert lists.find_case(store, case).employee == person.pseudonym
    assert shelf.files(press) == {"sound", "picture"}


def test_what_comes_late_does_not_bring_the_name_back(shelf):
    store, name = shelf.store, "Ulla"
    a_day_of(shelf, name)
    number = persons.request(store, PersonKind.EMPLOYEE, name, **ASKED)
    run(shelf)
    a_day_of(shelf, name)
    a_day_of(shelf, name, slot_ns=NOW + DAY_NS)
    background.look_for_late(store)
    run(shelf)
    pseudonym = persons.find(store, number).pseudonym
    assert name not in everything(store)
    with store.read() as connection:
        people = connection.execute(select(to.employee.c.name)).scalars().all()
        counts = connection.execute(select(tt.tally.c.count, tt.tally.c.misuse).order_by(tt.tally.c.slot_ns)).all()
    assert people == [pseudonym]
    assert [tuple(row) for row in counts] == [(6, 2), (3, 1)]


def test_an_employee_on_held_evidence_keeps_the_name_there_alone(shelf):
    store, name = shelf.store, "Ulla"
    held, other = a_day_of(shelf, name), a_day_of(shelf, name, slot_ns=NOW + DAY_NS)
    hold = holds.hold_press(store, held, "Claim 4711", **ANNA)
    number = persons.request(store, PersonKind.EMPLOYEE, name, **ASKED)
    run(shelf)
    with store.read() as connection:
        names = {row.id: row.employee for row in connection.execute(select(tp.press.c.id, tp.press.c.employee))}
        payload = connection.execute(select(tp.event.c.payload).where(tp.event.c.id == held)).scalar()
    assert names[held] == name
    assert json.loads(payload)["data"]["employee"] == name
    assert names[other] == persons.find(store, number).pseudonym
    assert persons.find(store, number).counts["withheld_press"] == [held]
    holds.release(store, hold, **ANNA)
    run(shelf)
    assert persons.find(store, number).done_ns is not None
    assert name not in everything(store)


def test_no_table_that_names_employees_is_forgotten():
    known = {table.name for table in employees.NAMED} | {"tally", "account"}
    assert {table.name for table in metadata.sorted_tables if "employee" in table.c} == known


def test_a_client_gets_all_that_is_kept(shelf, case):
    file = io.BytesIO()
    count = write_export(shelf.store, shelf.blobs, PersonKind.CLIENT, MAIL.upper(), NOW, file)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        told = json.loads(archive.read("person.json"))
        sound = next(name for name in names if name.startswith("sound/"))
        assert archive.read(sound).decode() == sound.rsplit("/", 1)[1]
    assert count == len(names) == 3
    assert told["exported"] == "2027-01-18T09:00:00.000+00:00"
    assert told["contacts"][0]["email"] == MAIL
    assert [one["direction"] for one in told["messages"]] == ["out", "in"]
    assert len(told["presses"]) == len(told["cases"]) == 1
    assert any("called from" in one["text"] for one in told["history"])


def test_an_employee_gets_all_that_is_kept_but_no_sound_of_others(shelf):
    a_day_of(shelf, "Ulla")
    shelf.desk.account("ulla", employee="Ulla", email="u@example.org")
    file = io.BytesIO()
    write_export(shelf.store, shelf.blobs, PersonKind.EMPLOYEE, "Ulla", NOW, file)
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["person.json"]
        told = json.loads(archive.read("person.json"))
    assert [len(told[name]) for name in ("presses", "shifts", "receipts", "counts", "accounts")] == [1] * 5
    assert "password_hash" not in told["accounts"][0]


@pytest.mark.parametrize(("kind", "who"), [(PersonKind.CLIENT, "x@y.example"), (PersonKind.EMPLOYEE, "Nobody")])
def test_nobody_is_neither_removed_nor_exported(shelf, kind, who):
    with pytest.raises(RetentionError):
        persons.request(shelf.store, kind, who, **ASKED)
    with pytest.raises(RetentionError):
        write_export(shelf.store, shelf.blobs, kind, who, NOW, io.BytesIO())


def test_a_removal_needs_a_reason(shelf, case):
    with pytest.raises(RetentionError) as error:
        persons.request(shelf.store, PersonKind.CLIENT, MAIL, **ASKED | {"reason": " "})
    assert error.value.code == "reason"
    assert letters.contact(shelf.store, case) is not None
    with shelf.store.read() as connection:
        assert connection.execute(select(tc.case_contact.c.case)).scalars().all() == [case]
