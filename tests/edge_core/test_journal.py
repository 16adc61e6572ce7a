"""The journal opens in a spreadsheet, runs no formula, survives a torn line and is dated anew after synchronisation."""

import csv
from datetime import UTC, timedelta, timezone

import pytest
from box_parts import S, stamp
from fake_clock import BOOT_A, BOOT_B

from edge.journal import COLUMNS, Journal
from edge.wire import PressData, Stamp, TimeData, Trigger

WALL = 1_700_000_000 * S  # 2023-11-14 22:13:20 UTC


def data(mono_ns=0, *, wall_ns=WALL, synced=True, boot_id=BOOT_A, employee=None, **more):
    when = Stamp(boot_id=boot_id, mono_ns=mono_ns, wall_ns=wall_ns, synced=synced, uncertainty_ms=1)
    return PressData(
        button="red",
        trigger=Trigger.INCIDENT,
        stamp=when,
        stamp_uncertainty_ms=1,
        source="gpio",
        simulated=False,
        employee=employee,
        **more,
    )


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def ids(folder):
    return {path.name: [row["id"] for row in rows(path)] for path in sorted(folder.iterdir())}


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path, "Counter 3", zone=UTC)


def test_a_press_is_one_readable_line(journal, tmp_path):
    journal.append("1" * 32, data(7, employee="Анна", track="2" * 32, snapshot="3" * 32, rating=1, misuse=True))
    path = tmp_path / "presses-2023-11.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbftime;zone;")
    assert path.read_bytes().endswith(b"\r\n")
    (row,) = rows(path)
    assert tuple(row) == COLUMNS
    assert row == {
        "time": "2023-11-14 22:13:20",
        "zone": "UTC+00:00",
        "place": "Counter 3",
        "button": "red",
        "trigger": "incident",
        "rating": "1",
        "employee": "Анна",
        "track": "2" * 32,
        "misuse": "yes",
        "synced": "yes",
        "id": "1" * 32,
        "boot_id": BOOT_A,
        "mono_ns": "7",
        "snapshot": "3" * 32,
    }


def test_a_snapshot_can_be_a_link(tmp_path):
    journal = Journal(tmp_path, "", zone=UTC, link=lambda press, snapshot: f"https://b.example/{press}#{snapshot[:4]}")
    journal.append("1" * 32, data(7, snapshot="3" * 32))
    journal.append("2" * 32, data(8))
    (path,) = tmp_path.iterdir()
    assert [row["snapshot"] for row in rows(path)] == [f"https://b.example/{'1' * 32}#3333", ""]


@pytest.mark.parametrize("way", ["append", "restore", "repair"])
def test_a_month_of_an_earlier_version_goes_on_with_the_new_column(journal, tmp_path, way):
    first = data(5_000_000_000, synced=way != "repair")
    journal.append("a" * 32, first)
    (month,) = tmp_path.glob("*.csv")
    lines = month.read_bytes().split(b"\r\n")
    month.write_bytes(b"\r\n".join(line.rpartition(b";")[0] for line in lines[:2]) + b"\r\n")
    second = data(6_000_000_000, snapshot="3" * 32)
    if way == "append":
        journal.append("b" * 32, second)
    else:
        assert journal.restore([("a" * 32, first), ("b" * 32, second)]) == 1
    if way == "repair":
        fix = Stamp(boot_id=BOOT_A, mono_ns=0, wall_ns=WALL, synced=True, uncertainty_ms=1)
        assert journal.repair(TimeData(stamp=fix)) == 1
    assert sorted((row["id"], row["snapshot"]) for row in rows(month)) == [("a" * 32, ""), ("b" * 32, "3" * 32)]
    assert list(tmp_path.glob("*.edited-*")) == []


def test_months_and_times_are_local(tmp_path):
    east = timezone(timedelta(hours=3))
    journal = Journal(tmp_path, "", zone=east)
    journal.append("a", data(wall_ns=WALL + 17 * 24 * 3600 * S - 2 * 3600 * S))
    (row,) = rows(tmp_path / "presses-2023-12.csv")
    assert (row["time"], row["zone"]) == ("2023-12-01 23:13:20", "UTC+03:00")


@pytest.mark.parametrize("name", ["=1+1", "+7 900", "-Anna", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(journal, tmp_path, name):
    journal.append("a", data(employee=name))
    (row,) = rows(tmp_path / "presses-2023-11.csv")
    assert not row["employee"].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert name.strip().lstrip("'") in row["employee"]


def test_a_name_with_separators_and_line_ends_stays_one_row(journal, tmp_path):
    journal.append("a", data(employee='a;b"c\r\nd'))
    journal.append("b", data())
    first, second = rows(tmp_path / "presses-2023-11.csv")
    assert first["employee"] == 'a;b"c d'
    assert second["id"] == "b"


@pytest.mark.parametrize("cut_bytes", [1, 2, 30])
def test_a_torn_last_line_is_cut_off_and_restored_from_the_outbox(journal, tmp_path, cut_bytes):
    known = [("a", data(1)), ("b", data(2))]
    for press_id, press in known:
        journal.append(press_id, press)
    path = tmp_path / "presses-2023-11.csv"
    path.write_bytes(path.read_bytes()[:-cut_bytes])
    journal.append("c", data(3))
    assert ids(tmp_path) == {path.name: ["a", "c"]}
    assert journal.restore(known) == 1
    assert journal.restore(known) == 0
    assert ids(tmp_path) == {path.name: ["a", "c", "b"]}


def test_a_long_month_goes_on_at_its_end(journal, tmp_path, monkeypatch):
    monkeypatch.setattr("edge.journal._TAIL_BYTES", 300)
    for number in range(20):
        journal.append(f"{number}", data(number))
    path = tmp_path / "presses-2023-11.csv"
    path.write_bytes(path.read_bytes()[:-3])
    journal.append("next", data(20))
    assert ids(tmp_path)[path.name] == [*map(str, range(19)), "next"]


def repair_of(boot_id=BOOT_A):
    return TimeData(stamp=Stamp(boot_id=boot_id, mono_ns=10 * S, wall_ns=WALL, synced=True, uncertainty_ms=1))


def test_unsynchronised_rows_of_the_boot_move_to_their_true_month(journal, tmp_path):
    journal.append("early", data(5 * S, wall_ns=0, synced=False))
    journal.append("other", data(6 * S, wall_ns=S, synced=False, boot_id=BOOT_B))
    journal.append("sure", data(7 * S, wall_ns=WALL + 100 * S))
    assert journal.repair(repair_of()) == 1
    assert ids(tmp_path) == {"presses-1970-01.csv": ["other"], "presses-2023-11.csv": ["early", "sure"]}
    early = rows(tmp_path / "presses-2023-11.csv")[0]
    assert (early["time"], early["synced"]) == ("2023-11-14 22:13:15", "yes")
    assert journal.repair(repair_of()) == 0


def test_an_emptied_month_goes(journal, tmp_path):
    journal.append("early", data(5 * S, wall_ns=0, synced=False))
    journal.repair(repair_of())
    assert ids(tmp_path) == {"presses-2023-11.csv": ["early"]}


class Crash(Exception):
    pass


@pytest.mark.parametrize("nth", range(1, 9))
def test_a_crash_during_repair_loses_no_row_and_the_next_repair_leaves_each_once(tmp_path, nth):
    passed = []

    def fault(name):
        passed.append(name)
        if len(passed) == nth:
            raise Crash

    calm = Journal(tmp_path, "", zone=UTC)
    for press_id, press in [
        ("early", data(5 * S, wall_ns=0, synced=False)),
        ("other", data(6 * S, wall_ns=S, synced=False, boot_id=BOOT_B)),
        ("sure", data(7 * S, wall_ns=WALL + 100 * S)),
    ]:
        calm.append(press_id, press)
    with pytest.raises(Crash):
        Journal(tmp_path, "", zone=UTC, fault=fault).repair(repair_of())
    assert {press_id for found in ids(tmp_path).values() for press_id in found} == {"early", "other", "sure"}
    Journal(tmp_path, "", zone=UTC).repair(repair_of(BOOT_A))
    assert ids(tmp_path) == {"presses-1970-01.csv": ["other"], "presses-2023-11.csv": ["early", "sure"]}


def test_a_row_in_two_months_after_a_crash_is_the_dated_one_for_any_later_repair(tmp_path):
    def fault(name):
        if name == "journal.after_folder_fsync":
            raise Crash

    calm = Journal(tmp_path, "", zone=UTC)
    calm.append("early", data(5 * S, wall_ns=0, synced=False))
    calm.append("sure", data(7 * S, wall_ns=WALL + 100 * S))
    with pytest.raises(Crash):
        Journal(tmp_path, "", zone=UTC, fault=fault).repair(repair_of())
    assert [found.count("early") for found in ids(tmp_path).values()] == [1, 1]
    calm.repair(repair_of("c" * 32))
    assert ids(tmp_path) == {"presses-2023-11.csv": ["early", "sure"]}


def test_the_time_zone_of_the_machine_is_the_default(tmp_path):
    Journal(tmp_path, "").append("a", data())
    assert stamp(0).wall_ns == WALL
    assert len(list(tmp_path.iterdir())) == 1


def _saved_as(form, content):
    text = content.decode("utf-8-sig")
    match form:
        case "line feeds":
            return text.replace("\r\n", "\n").encode("utf-8-sig")
        case "commas":
            return text.replace(";", ",").encode("utf-8-sig")
        case "another code page":
            return text.encode("cp1251")
        case "numbers as a spreadsheet shows them":
            return text.replace(";5000000000;", ";5E+09;").encode("utf-8-sig")
        case "a column less":
            return "".join(line.partition(";")[2] for line in text.splitlines(keepends=True)).encode("utf-8-sig")
        case "empty":
            return b""


FORMS = ["line feeds", "commas", "another code page", "numbers as a spreadsheet shows them", "a column less", "empty"]


@pytest.mark.parametrize("form", FORMS)
def test_a_month_that_a_person_saved_in_another_form_is_set_aside_and_nothing_of_it_lost(journal, tmp_path, form):
    first = data(5_000_000_000, employee="Анна")
    journal.append("a" * 32, first)
    (month,) = tmp_path.glob("*.csv")
    edited = _saved_as(form, month.read_bytes())
    month.write_bytes(edited)
    assert journal.restore([("a" * 32, first)]) == 1
    journal.append("b" * 32, data(6_000_000_000))
    assert [row["id"] for row in rows(month)] == ["a" * 32, "b" * 32]
    (aside,) = tmp_path.glob("*.edited-1.csv")
    assert aside.read_bytes() == edited


@pytest.mark.parametrize("form", ["line feeds", "commas", "another code page", "a column less", "empty"])
def test_a_press_never_cuts_off_what_a_person_has_saved(journal, tmp_path, form):
    journal.append("a" * 32, data(5_000_000_000, employee="Анна"))
    (month,) = tmp_path.glob("*.csv")
    edited = _saved_as(form, month.read_bytes())
    month.write_bytes(edited)
    journal.append("b" * 32, data(6_000_000_000))
    assert next(tmp_path.glob("*.edited-1.csv")).read_bytes() == edited
    assert "b" * 32 in month.read_text("utf-8-sig")
