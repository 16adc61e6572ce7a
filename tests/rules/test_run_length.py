"""Run lengths: golden figures, theory against theory, theory against trying it out."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_bridge.rules import golden
from cloud_bridge.rules.errors import RuleError
from cloud_bridge.rules.poisson_run_length import poisson_run_length
from cloud_bridge.rules.run_length import walk_run_length
from cloud_bridge.rules.scores import BernoulliScores, PoissonScores, worse_share
from cloud_bridge.rules.simulation import simulate_walk
from cloud_bridge.rules.threshold import (
    allowed_run_length,
    bernoulli_threshold,
    solve_bernoulli,
    solve_poisson,
    solve_window,
)
from cloud_bridge.rules.window_chance import window_run_length

SCORES = BernoulliScores(0.005, worse_share(0.005, 3.0))


@pytest.mark.parametrize(("h", "run_length", "delay"), [(3.41, 9015, 441), (4.44, 27042, 598)])
def test_the_golden_run_lengths(h, run_length, delay):
    assert SCORES.run_length(h) == pytest.approx(run_length, rel=0.1)
    assert SCORES.run_length(h, 0.015) == pytest.approx(delay, rel=0.1)


def test_the_golden_lines_hold_and_would_not_hold_for_other_figures(monkeypatch):
    lines = list(golden.require(golden.check(runs=4000, seed=1)))
    assert len(lines) == 4
    monkeypatch.setattr(golden, "GOLDEN", (golden.Golden(3.41, 10_500.0, 441.0),))
    with pytest.raises(RuleError, match=r"more than 10% off: run_length at h = 3\.41"):
        list(golden.require(golden.check(runs=4000, seed=1)))


@pytest.mark.parametrize(
    ("p0", "ratio", "p", "h"),
    [
        (0.005, 3.0, 0.005, 2.0),
        (0.05, 3.0, 0.05, 3.0),
        (0.3, 2.0, 0.3, 2.5),
        (0.05, 2.0, 0.2, 3.0),
        (0.02, 5.0, 0.9, 4.0),
    ],
)
def test_computed_run_lengths_are_those_of_simulated_walks(p0, ratio, p, h):
    scores = BernoulliScores(p0, worse_share(p0, ratio))
    found = simulate_walk(scores.red, -scores.other, p, h, runs=20_000, seed=3)
    assert abs(found.run_length - scores.run_length(h, p)) < 4.5 * found.standard_error


def slow_run_length(up: float, down: float, p: float, h: float) -> float:
    """By following the chance of every level step by step."""
    chances, steps, total = {0.0: 1.0}, 0, 0.0
    while (left := sum(chances.values())) > 1e-9:
        total += left
        steps += 1
        after: dict[float, float] = {}
        for level, chance in chances.items():
            if level + up < h:
                risen = round(level + up, 9)
                after[risen] = after.get(risen, 0.0) + p * chance
            fallen = round(max(0.0, level - down), 9)
            after[fallen] = after.get(fallen, 0.0) + (1 - p) * chance
        chances = after
    return total


@settings(max_examples=10, deadline=None)
@given(st.floats(0.3, 2.0), st.floats(0.2, 1.0), st.floats(0.3, 0.9), st.floats(0.1, 3.0))
def test_the_levels_equal_following_every_step(up, down, p, h):
    up, down, h = round(up, 3), round(down, 3), round(h, 3) + 0.00051
    assert walk_run_length(up, down, p, h) == pytest.approx(slow_run_length(up, down, p, h), rel=1e-5)


@pytest.mark.parametrize(("ratio", "true", "h"), [(3.0, 1.0, 3.0), (3.0, 3.0, 3.0), (2.0, 1.0, 2.5), (1.5, 1.0, 2.0)])
def test_a_poisson_stream_is_a_walk_of_ever_smaller_steps(ratio, true, h):
    scores = PoissonScores(ratio)
    near, nearer = (walk_run_length(scores.event, -scores.gap / slots, true / slots, h) / slots for slots in (200, 400))
    # The error halves with the step, so this takes it away.
    assert scores.run_length(h, true) == pytest.approx(2.0 * nearer - near, rel=1e-3)


def test_a_poisson_threshold_of_one_event_waits_for_one_event():
    assert PoissonScores(3.0).run_length(1.0) == pytest.approx(1.0)
    assert PoissonScores(3.0).run_length(1.0, 4.0) == pytest.approx(0.25)


def test_long_poisson_run_lengths_lose_no_digits():
    lengths = [PoissonScores(1.2).run_length(h) for h in (10.0, 15.0, 20.0, 29.9)]
    growth = [np.log(b / a) / gap for a, b, gap in zip(lengths, lengths[1:], (5.0, 5.0, 9.9), strict=False)]
    # A CUSUM's run length grows as e^h.
    assert growth == pytest.approx([1.0, 1.0, 1.0], abs=0.02)


@pytest.mark.parametrize(("count", "mean"), [(2, 0.1), (3, 1.0), (5, 1.0), (12, 5.0)])
def test_the_window_rules_wait_is_that_of_trying_out(count, mean):
    random = np.random.default_rng(2)
    waits = []
    for _ in range(1500):
        times = np.cumsum(random.exponential(1 / mean, 500))
        while not (close := np.flatnonzero(times[count - 1 :] - times[: 1 - count] < 1.0)).size:
            times = np.concatenate((times, times[-1] + np.cumsum(random.exponential(1 / mean, times.size))))
        waits.append(times[close[0] + count - 1])
    error = np.std(waits) / np.sqrt(len(waits))
    expected = window_run_length(count, mean)
    assert abs(np.mean(waits) - expected) < 4 * error + 0.03 * expected


def test_a_window_rule_of_one_event_waits_for_it():
    assert window_run_length(1, 0.25) == 4.0
    assert window_run_length(2, 500.0) == 1.0
    assert window_run_length(60, 0.01) == inf


@pytest.mark.parametrize("wanted", [50.0, 9015.0, 1e6])
def test_the_threshold_is_the_smallest_hundredth_that_is_enough(wanted):
    for solve, scores in ((solve_bernoulli, SCORES), (solve_poisson, PoissonScores(2.0))):
        found = solve(scores, wanted)
        one_event = scores.red if solve is solve_bernoulli else scores.event
        assert found.run_length >= wanted
        assert found.h > one_event
        assert scores.run_length(found.h - 0.01) < wanted or found.h - 0.01 <= one_event
        assert found.delay < found.run_length


def test_the_window_threshold_is_the_smallest_count_that_is_enough():
    found = solve_window(1.0, 1000.0)
    assert window_run_length(round(found.h), 1.0) >= 1000.0 > window_run_length(round(found.h) - 1, 1.0)
    assert solve_window(0.001, 1.0).h == 2.0


def test_fewer_false_alarms_cost_longer_delays():
    strict = solve_bernoulli(SCORES, allowed_run_length(30_000, 0.5))
    lax = solve_bernoulli(SCORES, allowed_run_length(30_000, 4))
    assert strict.h > lax.h
    assert strict.delay > lax.delay


@pytest.mark.parametrize(
    "call",
    [
        lambda: walk_run_length(0.0, 1.0, 0.5, 1.0),
        lambda: walk_run_length(1.0, 1.0, 1.0, 1.0),
        lambda: poisson_run_length(1.0, 1.0, 0.0, 1.0),
        lambda: window_run_length(0, 1.0),
        lambda: BernoulliScores(0.5, 0.4),
        lambda: PoissonScores(1.0),
        lambda: worse_share(1.0, 3.0),
        lambda: allowed_run_length(1000, 0),
        lambda: solve_bernoulli(SCORES, 1e14),
        lambda: solve_bernoulli(SCORES, -1.0),
        lambda: solve_window(20_000.0, 1e6),
        lambda: bernoulli_threshold(SCORES, 0.0),
        lambda: simulate_walk(1.0, 1.0, 0.5, 1.0, runs=1, seed=1),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(RuleError):
        call()
