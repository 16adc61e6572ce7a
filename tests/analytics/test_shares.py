"""Shares, net shares and the Emotional Loyalty Index against figures worked out elsewhere."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.analytics.errors import FigureError
from cloud_bridge.analytics.loyalty import NoIndex, loyalty_index
from cloud_bridge.analytics.net_share import net_share
from cloud_bridge.analytics.normal import t_of, z_of
from cloud_bridge.analytics.share import share, wilson
from edge.wire import smile_index

counted = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_the_golden_index_with_both_factors():
    found = loyalty_index(positive=60, negative=10, voters=100, served=1000)
    assert found.index.points == pytest.approx(5.0)
    assert (found.index.low, found.index.high) == (pytest.approx(3.36, abs=0.005), pytest.approx(6.61, abs=0.005))
    assert found.voters.points == pytest.approx(50.0)
    assert (found.voters.low, found.voters.high) == (pytest.approx(35.5, abs=0.05), pytest.approx(61.6, abs=0.05))
    assert 100 * found.red.low == pytest.approx(0.54, abs=0.005)
    assert 100 * found.red.high == pytest.approx(1.83, abs=0.005)
    assert found.turnout.share == pytest.approx(0.1)
    assert not found.is_data_alarm


@given(st.data())
def test_the_index_is_the_product_of_its_factors(data):
    served = data.draw(st.integers(1, 10_000))
    voters = data.draw(st.integers(1, served))
    positive = data.draw(st.integers(0, voters))
    negative = data.draw(st.integers(0, voters - positive))
    found = loyalty_index(positive, negative, voters, served)
    assert found.index.points == pytest.approx(found.turnout.share * found.voters.points)
    assert found.index.low <= found.index.points <= found.index.high


def test_more_voters_than_served_is_an_alarm_and_no_index():
    found = loyalty_index(positive=6, negative=1, voters=11, served=10)
    assert found.is_data_alarm
    assert (found.index, found.turnout, found.red) == (None, None, None)
    assert found.voters.n == 11


def test_nobody_served_is_no_index_and_no_alarm():
    found = loyalty_index(0, 0, 0, 0)
    assert found.no_index is NoIndex.NOBODY_SERVED
    assert not found.is_data_alarm


@pytest.mark.parametrize(
    ("counts", "words"),
    [((6, 6, 10, 100), "exceed the whole"), ((-1, 0, 10, 100), "positive is -1"), ((1, 1, 10, -3), "voids exceed")],
)
def test_impossible_counts_are_refused(counts, words):
    with pytest.raises(FigureError, match=words):
        loyalty_index(*counts)


@given(counted, st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_mirrors(pair, confidence):
    count, n = pair
    low, high = wilson(count, n, confidence)
    assert 0.0 <= low <= (count / n if n else 0.0) <= high <= 1.0
    assert wilson(n - count, n, confidence) == (pytest.approx(1.0 - high), pytest.approx(1.0 - low))


@given(counted)
def test_box_and_bridge_have_one_wilson(pair):
    count, n = pair
    if n:
        assert wilson(count, n) == pytest.approx(smile_index.wilson(count, n), abs=1e-12)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
def test_wilson_covers_what_it_promises(p):
    n = 200
    coverage = sum(
        comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if wilson(k, n)[0] <= p <= wilson(k, n)[1]
    )
    assert 0.92 < coverage < 0.98


def test_a_share_of_nobody_is_unknown():
    assert (share(0, 0).share, share(0, 0).low, share(0, 0).high) == (None, 0.0, 1.0)
    assert net_share(0, 0, 0).points is None
    with pytest.raises(FigureError, match="exceed the whole"):
        share(3, 2)


@given(st.integers(1, 500), st.data())
def test_a_net_share_mirrors_and_stays_on_its_scale(n, data):
    positive = data.draw(st.integers(0, n))
    negative = data.draw(st.integers(0, n - positive))
    found, mirrored = net_share(positive, negative, n), net_share(negative, positive, n)
    assert -100.0 <= found.low <= found.points <= found.high <= 100.0
    assert (mirrored.low, mirrored.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_quantiles_of_the_tables():
    assert z_of(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert t_of(0.95, 10) == pytest.approx(2.228139, abs=1e-3)
    assert t_of(0.95, 49) == pytest.approx(2.009575, abs=1e-5)
    assert t_of(0.99, 20) == pytest.approx(2.845340, abs=1e-3)
    with pytest.raises(FigureError, match="outside"):
        z_of(1.0)
    with pytest.raises(FigureError, match="at least two"):
        t_of(0.95, 0)


def test_the_smile_index_is_the_boxes_own():
    figures = smile_index.smile_index([True] * 30 + [False] * 20 + [None] * 9)
    one = share(30, 50)
    assert (figures.n, figures.percent) == (50, 60.0)
    assert figures.low_percent == pytest.approx(100 * one.low)
