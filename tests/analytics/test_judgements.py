"""Agreement of two people, and the score of a check-list."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_bridge.analytics.agreement import cohen_kappa
from cloud_bridge.analytics.checklist import Item, Mark, score
from cloud_bridge.analytics.errors import FigureError


def pairs(table):
    """Two people's answers from a table of counts."""
    both = [(row, column) for row, line in enumerate(table) for column, n in enumerate(line) for _ in range(n)]
    return [a for a, _ in both], [b for _, b in both]


def kappa_of(p):
    expected = float(p.sum(axis=1) @ p.sum(axis=0))
    return (float(np.trace(p)) - expected) / (1 - expected)


def test_kappa_of_a_textbook_table():
    found = cohen_kappa(*pairs([[20, 5], [10, 15]]))
    assert found.kappa == pytest.approx(0.4)
    assert found.same.share == pytest.approx(0.7)


@pytest.mark.parametrize("table", [[[20, 5], [10, 15]], [[40, 3, 2], [5, 30, 7], [1, 4, 25]], [[90, 4], [5, 1]]])
def test_the_interval_is_that_of_the_delta_method(table):
    counts = np.array(table, dtype=float)
    n, p, step = counts.sum(), counts / counts.sum(), 1e-6
    slope = np.zeros_like(p)
    for cell in np.ndindex(*p.shape):
        moved = p.copy()
        moved[cell] += step
        # Along the simplex: what a cell gains all cells give.
        slope[cell] = (kappa_of(moved / moved.sum()) - kappa_of(p)) / step
    error = float(np.sqrt(((p * slope**2).sum() - (p * slope).sum() ** 2) / n))
    found = cohen_kappa(*pairs(table))
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(error, rel=1e-3)


def test_kappa_without_meaning_is_none():
    assert cohen_kappa([], []).kappa is None
    same = cohen_kappa(["yes"] * 9, ["yes"] * 9)
    assert (same.kappa, same.same.share) == (None, 1.0)
    with pytest.raises(FigureError, match="2 judgements against 1"):
        cohen_kappa([1, 2], [1])


def test_full_agreement_on_few_items_is_not_called_sure():
    found = cohen_kappa([True, False, True, False, True], [True, False, True, False, True])
    assert (found.kappa, found.high) == (1.0, 1.0)
    assert found.low < 0.5


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=60))
def test_kappa_is_symmetric_and_on_its_scale(both):
    a, b = [x for x, _ in both], [y for _, y in both]
    found, swapped = cohen_kappa(a, b), cohen_kappa(b, a)
    if found.kappa is None:
        assert swapped.kappa is None
        return
    assert -1 - 1e-9 <= found.low <= found.kappa + 1e-9
    assert found.kappa - 1e-9 <= found.high <= 1
    assert swapped.kappa == pytest.approx(found.kappa)
    assert swapped.low == pytest.approx(found.low, abs=1e-9)


def test_the_score_leaves_out_what_does_not_apply():
    found = score([Item("greeting", 3, 1.0), Item("offer", 1, 0.5), Item("parcel", 9, Mark.NOT_APPLICABLE)])
    assert found.score == pytest.approx(3.5 / 4)
    assert found.is_complete
    assert found.applicable_weight == 4


def test_an_auto_fail_makes_it_nothing():
    found = score([Item("greeting", 3, 1.0), Item("age check", 1, 0.0, auto_fail=True)])
    assert (found.score, found.low, found.high, found.failed_by) == (0.0, 0.0, 0.0, ("age check",))
    assert score([Item("age check", 1, 1.0, auto_fail=True)]).score == 1.0
    assert score([Item("a", 1, 1.0), Item("age check", 1, Mark.NOT_APPLICABLE, auto_fail=True)]).score == 1.0


def test_unknown_is_no_failure_but_leaves_the_score_open():
    found = score([Item("greeting", 1, 1.0), Item("offer", 1, Mark.UNKNOWN)])
    assert (found.score, found.low, found.high, found.unknown_weight) == (1.0, 0.5, 1.0, 1.0)
    assert not found.is_complete
    feared = score([Item("greeting", 1, 1.0), Item("age check", 1, Mark.UNKNOWN, auto_fail=True)])
    assert (feared.score, feared.low, feared.high) == (1.0, 0.0, 1.0)


def test_nothing_that_applies_is_no_score():
    assert score([]).score is None
    assert score([Item("parcel", 1, Mark.NOT_APPLICABLE)]).score is None
    only_unknown = score([Item("offer", 1, Mark.UNKNOWN)])
    assert (only_unknown.score, only_unknown.low, only_unknown.high) == (None, 0.0, 1.0)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([Item("a", 0, 1.0)], "weight 0"),
        ([Item("a", float("nan"), 1.0)], "weight nan"),
        ([Item("a", 1, 1.5)], "mark 1.5"),
        ([Item("a", 1, 1.0), Item("a", 1, 0.0)], "twice"),
    ],
)
def test_impossible_items_are_refused(items, words):
    with pytest.raises(FigureError, match=words):
        score(items)


def test_the_truth_of_unknown_items_lies_within_the_bounds():
    random = Random(3)
    for _ in range(200):
        items = [
            Item(
                str(place),
                random.choice([1, 2, 5]),
                random.choice([0.0, 0.5, 1.0, Mark.UNKNOWN]),
                random.random() < 0.1,
            )
            for place in range(6)
        ]
        found = score(items)
        told = [
            Item(
                one.name, one.weight, random.choice([0.0, 1.0]) if one.mark is Mark.UNKNOWN else one.mark, one.auto_fail
            )
            for one in items
        ]
        truth = score(told).score
        assert found.low - 1e-12 <= truth <= found.high + 1e-12
