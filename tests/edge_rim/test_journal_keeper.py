"""The journal as the box keeps it: a CSV that can't be written is a fault, and is caught up with."""

import errno

from box_parts import S, stamp

from edge.journal import Journal
from edge.journal_keeper import JournalKeeper
from edge.wire import PressData, TimeData, Trigger


def press(mono_ns):
    return PressData(
        button="red",
        trigger=Trigger.INCIDENT,
        stamp=stamp(mono_ns, synced=False),
        stamp_uncertainty_ms=1.0,
        source="gpio",
        simulated=False,
    )


class Faults:
    def __init__(self):
        self.active = False

    def set(self, name, device, *, active, detail):
        assert (name, device) == ("journal", "csv")
        self.active = active


def test_what_could_not_be_written_is_written_when_it_can_be(tmp_path):
    full = [False]

    def fault(_):
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")

    held, faults = [], Faults()
    keeper = JournalKeeper(Journal(tmp_path, "here", fault=fault), faults, lambda: held)

    def take(n):
        held.append((f"{n:032x}", press(n * S)))
        keeper.append(*held[-1])

    def text():
        (month,) = tmp_path.glob("*.csv")
        return month.read_text("utf-8-sig")

    keeper.catch_up()
    take(1)
    full[0] = True
    take(2)
    assert faults.active
    keeper.repair(TimeData(stamp=stamp(3 * S)))
    keeper.catch_up()
    assert faults.active
    full[0] = False
    keeper.catch_up()
    assert not faults.active
    take(4)
    lines = text().splitlines()[1:]
    assert [line.split(";")[-4] for line in lines] == [press_id for press_id, _ in held]
    assert [line.split(";")[-5] for line in lines] == ["yes", "yes", "no"]
