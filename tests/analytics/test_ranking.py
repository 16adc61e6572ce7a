"""Who may be shown and ranked, and what is chance."""

from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.publishing import published, publishing_of
from cloud_bridge.analytics.ranking import Verdict, benjamini_hochberg, fisher, rank
from edge.wire.smile_index import Publishing

HIDDEN, UNRANKED, RANKED = Publishing.HIDDEN, Publishing.UNRANKED, Publishing.RANKED


@pytest.mark.parametrize(("n", "how"), [(0, HIDDEN), (9, HIDDEN), (10, UNRANKED), (49, UNRANKED), (50, RANKED)])
def test_sizes_at_the_bounds(n, how):
    assert publishing_of([n]) == (how,)


def test_what_is_shown_at_each_size():
    assert published(9, 0.5, 0.1, 0.9).n is None
    assert published(9, 0.5, 0.1, 0.9).value is None
    shown = published(49, 0.5, 0.1, 0.9)
    assert (shown.n, shown.value, shown.low, shown.high) == (49, 0.5, None, None)
    full = published(50, 0.5, 0.1, 0.9)
    assert (full.n, full.value, full.low, full.high) == (50, 0.5, 0.1, 0.9)
    assert published(50, 0.5, 0.1, 0.9, HIDDEN).value is None


def test_a_total_gives_no_hidden_group_away():
    assert publishing_of([100, 5, 60]) == (RANKED, HIDDEN, HIDDEN)
    assert publishing_of([100, 5, 6, 60]) == (RANKED, HIDDEN, HIDDEN, RANKED)
    assert publishing_of([100, 0, 60]) == (RANKED, HIDDEN, RANKED)


@given(st.lists(st.integers(0, 120), max_size=12))
def test_what_is_hidden_is_ten_together_or_nothing_or_all(sizes):
    how = publishing_of(sizes)
    hidden = sum(n for n, one in zip(sizes, how, strict=True) if one is HIDDEN)
    assert hidden == 0 or hidden >= 10 or set(how) == {HIDDEN}
    assert all(one is HIDDEN for n, one in zip(sizes, how, strict=True) if n < 10)


def test_fishers_cup_of_tea():
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher(0, 10, 0, 20) == 1.0
    assert fisher(10, 10, 20, 20) == 1.0


@given(st.integers(0, 12), st.integers(0, 12), st.data())
def test_fisher_equals_the_sum_over_all_tables(n_a, n_b, data):
    a, b = data.draw(st.integers(0, n_a)), data.draw(st.integers(0, n_b))
    chance = {
        x: comb(n_a, x) * comb(n_b, a + b - x) / comb(n_a + n_b, a + b)
        for x in range(max(0, a + b - n_b), min(a + b, n_a) + 1)
    }
    expected = sum(value for value in chance.values() if value <= chance[a] * (1 + 1e-9))
    assert fisher(a, n_a, b, n_b) == pytest.approx(expected)


def test_fisher_bears_millions():
    assert fisher(5_000, 1_000_000, 5_000, 1_000_000) == pytest.approx(1.0, abs=0.01)
    assert fisher(5_600, 1_000_000, 5_000, 1_000_000) < 1e-6


def test_the_example_of_benjamini_and_hochberg():
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528]
    p += [0.7590, 1.0]
    adjusted = benjamini_hochberg(p)
    assert [value <= 0.05 for value in adjusted] == [True] * 4 + [False] * 11
    assert adjusted[0] == pytest.approx(0.0015)
    assert adjusted[6] == pytest.approx(0.0298 * 15 / 7)
    assert benjamini_hochberg([]) == ()
    with pytest.raises(FigureError):
        benjamini_hochberg([0.5, 1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_adjusted_values_follow_their_order_wherever_they_stand(p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    there, shuffled = benjamini_hochberg(p), benjamini_hochberg([p[i] for i in order])
    assert [there[i] for i in order] == pytest.approx(list(shuffled))
    assert all(q >= one - 1e-12 for q, one in zip(there, p, strict=True))


def test_only_those_that_differ_have_a_rank():
    groups = {
        "east": (30, 1000),
        "west": (5, 1000),
        "north": (6, 1000),
        "kiosk": (3, 30),
        "new": (1, 8),
        "tiny": (0, 4),
    }
    found = {one.name: one for one in rank(groups)}
    assert (found["east"].verdict, found["east"].rank) == (Verdict.ABOVE, 1)
    assert found["north"].rank is None or found["north"].verdict is Verdict.BELOW
    assert (found["kiosk"].verdict, found["kiosk"].rank, found["kiosk"].p) == (Verdict.TOO_FEW, None, None)
    assert found["new"].publishing is Publishing.HIDDEN
    assert found["kiosk"].publishing is Publishing.UNRANKED


def test_equal_groups_are_rarely_ranked():
    random, ranked = Random(7), 0
    for _ in range(40):
        groups = {str(place): (sum(random.random() < 0.1 for _ in range(200)), 200) for place in range(5)}
        ranked += any(one.rank is not None for one in rank(groups))
    assert ranked <= 6


def test_one_group_alone_has_nothing_to_be_compared_with():
    (only,) = rank({"here": (10, 100)})
    assert (only.verdict, only.rank) == (Verdict.TOO_FEW, None)
