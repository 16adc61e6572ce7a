import math

import numpy as np
import pytest

from models.training.metrics import auc, calibration_curve, expected_calibration_error, platt, wilson


def test_wilson_is_the_interval_of_the_golden_red_share() -> None:
    assert [round(100 * end, 2) for end in wilson(10, 1000)] == [0.54, 1.83]
    assert wilson(0, 0) == (0, 1)


def test_auc_is_the_share_of_pairs_in_order_with_ties_as_halves() -> None:
    random = np.random.default_rng(1)
    probability, smiles = np.round(random.random(200), 1), random.random(200) < 0.4
    pairs = np.sign(probability[smiles][:, None] - probability[~smiles][None, :])
    assert auc(probability, smiles) == pytest.approx((pairs.mean() + 1) / 2)
    assert math.isnan(auc(probability, np.ones(200, dtype=bool)))


def test_calibration_error_is_the_mean_distance_of_the_steps() -> None:
    probability = np.array([0.15, 0.15, 0.15, 0.15, 0.95, 1.0])
    smiles = np.array([False, False, False, True, True, True])
    assert [one.count for one in calibration_curve(probability, smiles)] == [4, 2]
    assert expected_calibration_error(probability, smiles) == pytest.approx((4 * 0.10 + 2 * 0.025) / 6)


def test_platt_finds_the_slope_and_offset_that_made_the_labels() -> None:
    logits = np.linspace(-4, 4, 400)
    assert platt(logits, 1 / (1 + np.exp(-(0.6 * logits - 0.3)))) == pytest.approx((0.6, -0.3), abs=1e-6)
