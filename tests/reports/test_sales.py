"""Receipts: the same database whatever came first, twice or in which pieces; what was taken back does not count."""

import random

import pytest
from sqlalchemy import select

from cloud_bridge.store import org, sales, tallies
from cloud_bridge.store.org import Place
from cloud_bridge.store.sales import Receipt, SaleCursor, Taken
from cloud_bridge.store.scope import EVERYTHING, Scope
from cloud_bridge.store.tables_tally import SLOT_NS, sale, tally, tally_dirty

START_NS = 1_790_000_000_000_000_000 // SLOT_NS * SLOT_NS


def receipt(n, *, till="till-1", **more):
    return Receipt(id=f"r{n}", till=till, wall_ns=START_NS + n * 60 * 10**9, **more)


def take(store, receipts, voids=(), *, site="riga", now_ns=5):
    return sales.take(store, site, receipts, voids, simulated=False, now_ns=now_ns)


def served(store):
    while tallies.count_dirty(store):
        pass
    with store.read() as connection:
        return sum(connection.execute(select(tally.c["count"])).scalars())


def rows(store):
    with store.read() as connection:
        return [tuple(row)[:6] for row in connection.execute(select(sale).order_by(sale.c.id))]


def test_a_batch_counts_once_however_often_it_comes(store):
    batch = [receipt(n, employee="Anna" if n % 2 else None) for n in range(40)]
    assert take(store, batch) == Taken(new=40, repeated=0, voided=0, conflicting=())
    assert served(store) == 40
    assert take(store, batch) == Taken(new=0, repeated=40, voided=0, conflicting=())
    assert take(store, [*batch[:3], *batch[:3]]) == Taken(new=0, repeated=6, voided=0, conflicting=())
    assert served(store) == 40


def test_a_void_counts_whichever_came_first(store):
    take(store, [receipt(1)], ["r2"])
    assert take(store, [receipt(2), receipt(3)]) == Taken(new=2, repeated=0, voided=1, conflicting=())
    assert served(store) == 2
    assert take(store, [], ["r3", "never"]) == Taken(new=0, repeated=0, voided=1, conflicting=())
    assert take(store, [receipt(1, voided=True)]) == Taken(new=0, repeated=1, voided=1, conflicting=())
    assert take(store, [receipt(1)], ["r3"]) == Taken(new=0, repeated=1, voided=0, conflicting=())
    assert served(store) == 0
    # One site's numbers are not another's.
    take(store, [receipt(2)], site="jelgava")
    assert served(store) == 1


def test_a_number_that_is_used_for_another_sale_is_named_and_the_first_stays(store):
    take(store, [receipt(1), receipt(2)])
    before = rows(store)
    answer = take(store, [receipt(1, till="till-2"), receipt(2), receipt(3), receipt(3, employee="Zoya")])
    assert answer == Taken(new=1, repeated=1, voided=0, conflicting=("r1", "r3"))
    assert rows(store)[:2] == before
    assert served(store) == 3


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_any_pieces_ends_in_the_same_rows(store, seed):
    draw = random.Random(seed)
    said = [receipt(n, till=f"till-{n % 3}") for n in range(60)] * 2
    back = [f"r{n}" for n in range(0, 60, 7)] * 2
    draw.shuffle(said)
    draw.shuffle(back)
    while said or back:
        size = draw.randrange(1, 12)
        take(store, said[:size], back[: size // 3])
        said, back = said[size:], back[size // 3 :]
        if draw.random() < 0.3:
            served(store)
    voids = {f"r{n}" for n in range(0, 60, 7)}
    assert served(store) == 60 - len(voids)
    assert [row[1] for row in rows(store)] == sorted(f"r{n}" for n in range(60))
    assert {row[1] for row in rows(store) if row[5]} == voids


def test_only_what_changed_is_counted_anew(store):
    take(store, [receipt(0), receipt(1), receipt(31), receipt(60 * 24 * 9)])
    with store.read() as connection:
        spans = connection.execute(select(tally_dirty.c.from_ns, tally_dirty.c.until_ns)).all()
    assert sorted(until - since for since, until in spans) == [SLOT_NS - 1, 2 * SLOT_NS - 1]


def test_an_unknown_till_gets_a_counter_and_a_person_a_row(store):
    take(store, [receipt(1, employee="Anna")])
    organised = org.organisation(store)
    assert organised.counter_of("riga", "till-1", "").name == "till-1"
    assert set(organised.employees) == {"Anna"}
    # What people have arranged stays.
    org.put_counter(store, Place("riga", "hall"), title="Hall")
    org.assign(store, "riga", "till-1", "", "hall")
    take(store, [receipt(2)])
    assert org.organisation(store).counter_of("riga", "till-1", "").name == "hall"


def test_the_list_is_paged_by_key_and_keeps_to_the_scope(store):
    take(store, [receipt(n, till=f"till-{n % 2}") for n in range(25)])
    organised = org.organisation(store)

    def ids(scope, **more):
        found, cursor = [], None
        while True:
            page, cursor = sales.list_sales(store, organised, scope, "riga", cursor=cursor, limit=4, **more)
            found += [row.id for row in page]
            if cursor is None:
                return found

    assert ids(EVERYTHING) == [f"r{n}" for n in range(24, -1, -1)]
    assert ids(Scope(places=(Place("riga", "till-1"),))) == [f"r{n}" for n in range(23, 0, -2)]
    assert ids(Scope(places=(Place("elsewhere"),))) == []
    assert ids(EVERYTHING, since_ns=receipt(3).wall_ns, until_ns=receipt(5).wall_ns) == ["r4", "r3"]
    assert sales.list_sales(store, organised, EVERYTHING, "riga", cursor=SaleCursor(START_NS, "r0"))[0] == ()
