"""Counts by half hour equal a count of everything, whatever came late, twice or was dated anew."""

import random
from collections import Counter

import pytest
from bridge_box import WALL_NS, SimBox
from bridge_rig import Rig
from sqlalchemy import insert, select

from cloud_bridge.store import tables as t
from cloud_bridge.store import tallies
from cloud_bridge.store.tables_tally import SERVED, SLOT_NS, sale, tally, tally_dirty
from edge import wire

HOUR_NS = 3600 * 10**9
_PARTS = {"misuse", "smiles", "smile_verdicts"}


def settle(store, limit=500):
    rounds = 0
    while tallies.count_dirty(store, limit):
        rounds += 1
    return rounds


def counted(store):
    with store.read() as connection:
        rows = connection.execute(select(tally)).mappings().all()
        assert connection.execute(select(tally_dirty)).first() is None
    return {tuple(value for key, value in row.items() if key not in _PARTS): row["misuse"] for row in rows}


def shift(box, employee, wall_ns, button="staff"):
    stamp = box.stamp(wall_ns=wall_ns)
    return box.event(wire.ShiftData(button=button, employee=employee, stamp=stamp, source="web"))


def press(box, wall_ns, **more):
    return box.press(stamp=box.stamp(wall_ns=wall_ns), **more)


def test_presses_are_counted_in_their_half_hour_for_who_was_on_shift(store):
    box = SimBox()
    start = WALL_NS // SLOT_NS * SLOT_NS
    Rig(store).take(
        [
            shift(box, "Anna", start + 1),
            press(box, start + 2, rating=1),
            press(box, start + SLOT_NS - 1, rating=1),
            shift(box, "Boris", start + SLOT_NS + 5),
            press(box, start + SLOT_NS + 4, rating=1, misuse=True),
            press(box, start + SLOT_NS + 5, rating=5, button="green", trigger=wire.Trigger.RATING),
            press(box, start + SLOT_NS + 6, employee="Vera", trigger=wire.Trigger.APPEAL, button="staff"),
            shift(box, None, start + SLOT_NS + 9),
            press(box, start + SLOT_NS + 10, rating=1),
        ]
    )
    settle(store)
    one, two = start, start + SLOT_NS
    assert counted(store) == {
        ("site", "box", one, "red", "incident", 1, "Anna", True, 2): 0,
        ("site", "box", two, "red", "incident", 1, "Anna", True, 1): 1,
        ("site", "box", two, "green", "rating", 5, "Boris", True, 1): 0,
        ("site", "box", two, "staff", "appeal", 0, "Vera", True, 1): 0,
        ("site", "box", two, "red", "incident", 1, "", True, 1): 0,
    }


def test_with_two_people_on_shift_a_client_s_press_is_nobody_s(store):
    box = SimBox()
    Rig(store).take(
        [shift(box, "Anna", WALL_NS), shift(box, "Boris", WALL_NS, button="other"), press(box, WALL_NS + 1)]
    )
    settle(store)
    assert [key[6] for key in counted(store)] == [""]


def test_a_late_shift_gives_its_presses_to_the_one_who_worked(store):
    box = SimBox()
    early = shift(box, "Anna", WALL_NS)
    Rig(store).take([press(box, WALL_NS + HOUR_NS), shift(box, "Boris", WALL_NS + 2 * HOUR_NS)])
    Rig(store).take([press(box, WALL_NS + 3 * HOUR_NS)])
    settle(store)
    assert sorted(key[6] for key in counted(store)) == ["", "Boris"]
    Rig(store).take([early])
    settle(store)
    assert sorted(key[6] for key in counted(store)) == ["Anna", "Boris"]


def test_presses_that_are_dated_anew_move(store):
    box = SimBox()
    undated = box.press(synced=False)
    Rig(store).take([undated])
    settle(store)
    assert [key[2] for key in counted(store)] == [0]
    Rig(store).take([box.event(wire.TimeData(stamp=box.stamp()))])
    settle(store)
    assert [key[2] for key in counted(store)] == [WALL_NS // SLOT_NS * SLOT_NS]


def test_served_customers_are_counted_without_what_was_voided(store):
    Rig(store).take([shift(SimBox(), "Anna", WALL_NS)])
    rows = [
        {"site": "site", "id": str(n), "box": "box", "employee": None, "wall_ns": WALL_NS + n, "voided": n == 3}
        for n in range(5)
    ]
    with store.write() as connection:
        connection.execute(insert(sale), [{**row, "simulated": True, "received_ns": 1} for row in rows])
        span = {"from_ns": WALL_NS, "until_ns": WALL_NS + 4}
        connection.execute(insert(tally_dirty), [{"site": "site", "box": "box", **span}])
    settle(store)
    slot = WALL_NS // SLOT_NS * SLOT_NS
    assert counted(store) == {("site", "box", slot, "", SERVED, 0, "Anna", True, 4): 0}


@pytest.mark.parametrize("first", ["press", "snapshot"])
def test_smiles_are_counted_with_their_press_whichever_came_first(store, first):
    box = SimBox()
    pressed = box.press()
    told = wire.decode_event(pressed[1])
    messages = [pressed, smile(box, told, smiled=True)]
    unknown = box.press()
    messages += [unknown, smile(box, wire.decode_event(unknown[1]), smiled=None)]
    for message in messages if first == "press" else reversed(messages):
        Rig(store).take([message])
        settle(store)
    with store.read() as connection:
        (row,) = connection.execute(select(tally.c.count, tally.c.smile_verdicts, tally.c.smiles)).all()
    assert tuple(row) == (2, 1, 1)


def smile(box, press, *, smiled):
    strip = tuple(wire.StripPoint(offset_s=at, state="no_data", probability=None) for at in range(-30, 0))
    index = wire.IndexData(since_ns=0, n=0, smiled=0, percent=None, low_percent=None, high_percent=None)
    data = wire.SnapshotData(
        snapshot=press.id[::-1], press=press.id, stamp=press.data.stamp, before_s=30, after_s=5, privacy="index",
        subject="client", state="no_data", reason=None, frame_mono_ns=None, skew_ms=None, probability=None, strip=strip,
        face_share=0.9, smiled=smiled, threshold=0.5, index=index, model="", model_sha256=None, camera="c",
        simulated=press.data.simulated, partial=False, partial_reason=None, picture=None,
    )  # fmt: skip
    return box.event(data)


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_any_order_and_any_pace_end_in_a_count_of_everything(store, limit):
    rng = random.Random(limit)
    boxes = [SimBox(seed, box=f"box-{seed}") for seed in (1, 2)]
    messages = []
    for n in range(120):
        box = rng.choice(boxes)
        at_ns = WALL_NS + rng.randrange(10 * HOUR_NS)
        messages.append(shift(box, rng.choice(["Anna", None]), at_ns) if n % 10 == 0 else press(box, at_ns))
    rng.shuffle(messages)
    rig = Rig(store)
    for start in range(0, len(messages), 17):
        rig.take(messages[start : start + 17])
        tallies.count_dirty(store, limit)
    settle(store, limit)
    with store.read() as connection:
        rows = connection.execute(select(t.press)).mappings().all()
    per_slot = Counter((row["box"], row["wall_ns"] // SLOT_NS * SLOT_NS) for row in rows)
    found = Counter()
    for key in counted(store):
        found[key[1], key[2]] += key[8]
    assert found == per_slot
