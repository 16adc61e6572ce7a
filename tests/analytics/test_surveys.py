"""NPS, CSAT and CES: definitions, denominators, refusals."""

from math import sqrt

import pytest

from cloud_bridge.analytics import surveys
from cloud_bridge.analytics.errors import FigureError


def test_nps_counts_sevens_and_eights_in_the_denominator_only():
    found = surveys.nps({10: 30, 9: 20, 8: 20, 7: 10, 6: 10, 0: 10})
    assert (found.net.positive, found.net.negative, found.net.n) == (50, 20, 100)
    assert found.net.points == pytest.approx(30.0)
    assert found.variant == surveys.NPS_VARIANT


def test_csat_is_the_share_of_fours_and_fives():
    found = surveys.csat({1: 5, 2: 5, 3: 10, 4: 30, 5: 50})
    assert (found.satisfied.count, found.satisfied.n, found.satisfied.share) == (80, 100, pytest.approx(0.8))


def test_ces_has_a_mean_and_a_share():
    found = surveys.ces({1: 10, 4: 10, 7: 80})
    assert found.easy.share == pytest.approx(0.8)
    assert found.mean.mean == pytest.approx(6.1)
    deviation = sqrt((10 * 5.1**2 + 10 * 2.1**2 + 80 * 0.9**2) / 99)
    assert found.mean.high - found.mean.mean == pytest.approx(1.984217 * deviation / 10, abs=1e-4)


def test_a_mean_of_few_is_cut_to_the_scale_and_of_one_has_no_interval():
    two = surveys.ces({1: 1, 7: 1}).mean
    assert (two.low, two.high) == (1.0, 7.0)
    one = surveys.ces({7: 1}).mean
    assert (one.n, one.mean, one.low, one.high) == (1, 7.0, None, None)
    assert surveys.ces({}).mean.mean is None


@pytest.mark.parametrize(
    ("figure", "answers"),
    [(surveys.nps, {11: 1}), (surveys.csat, {0: 1}), (surveys.ces, {8: 1}), (surveys.nps, {3: -1})],
)
def test_answers_of_another_scale_are_refused(figure, answers):
    with pytest.raises(FigureError, match="answer"):
        figure(answers)
