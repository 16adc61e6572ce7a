"""The claimed error bound holds, always, and is of use."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_card import ALL, ALSA, COARSE, EXACT, START_NS, Card

from ringbuffer.stream_fit import MAX_DRIFT_PPM, UNPROVEN_LATENESS_NS, Stamps, StreamFit

# Stamps and times are integers of ns, and floats at 10^16 ns are that coarse.
ROUNDING_NS = 3
RATE_HZ = 16000


def probe(card, fit, rng):
    """(true error, claim) at frames all over the stretch."""
    last = card.frames[-1]
    frames = np.concatenate((rng.uniform(0, last, 24), card.frames[rng.integers(0, len(card.frames), 4)] - 1, [0]))
    return [(abs(fit.mono_at(f) - card.true_ns(f)), fit.error_ns(f)) for f in frames.tolist()]


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    blocks=st.one_of(st.integers(1, 60), st.integers(60, 3000)),
    ppm=st.floats(-200, 200),
    kind=st.sampled_from(sorted(ALL)),
    drop_at=st.lists(st.floats(0, 1), max_size=3),
    block_frames=st.sampled_from([160, 320, 333, 1024]),
)
def test_the_true_error_is_never_greater_than_the_claim(*, seed, blocks, ppm, kind, drop_at, block_frames):
    first = 20 if kind != "exact" else 1
    drops = {first + int(at * (blocks - first - 1)) for at in drop_at} if blocks > first + 1 else ()
    card = Card(seed, blocks, ppm, ALL[kind], drops=drops, block_frames=block_frames)
    fit = StreamFit(card.stamps(), RATE_HZ)
    found = probe(card, fit, np.random.default_rng(seed))
    assert all(error <= claim + ROUNDING_NS for error, claim in found), max(found)
    assert fit.max_error_ns(0, card.frames[-1]) >= max(claim for _, claim in found) - ROUNDING_NS


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), ppm=st.floats(-150, 150), kind=st.sampled_from(sorted(ALL)))
def test_it_holds_for_a_card_that_warms_up(seed, ppm, kind):
    card = Card(seed, 2000, ppm, ALL[kind], wander_ppm=40)
    found = probe(card, StreamFit(card.stamps(), RATE_HZ), np.random.default_rng(seed))
    assert all(error <= claim + ROUNDING_NS for error, claim in found), max(found)


@pytest.mark.parametrize("jitter", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_the_claim_is_about_as_small_as_the_stamps_allow(jitter, ppm):
    card = Card(5, 3500, ppm, jitter)
    fit = StreamFit(card.stamps(), RATE_HZ)
    claims = [fit.error_ns(f) for f in range(0, int(card.frames[-1]) - 20 * 320, 10_007)]
    assert np.median(claims) <= 1.4 * jitter.uncertainty_ns + 300_000
    assert max(claims) <= 2 * jitter.uncertainty_ns + 400_000
    # And the estimate itself is far better than the noise of one stamp.
    errors = [abs(fit.mono_at(f) - card.true_ns(f)) for f in range(0, int(card.frames[-1]), 10_007)]
    assert np.median(errors) <= max(20, jitter.uncertainty_ns * 0.6)


@pytest.mark.parametrize("blocks", [1, 5, 15])
def test_a_first_moment_claims_that_nothing_proves_its_stamps(blocks):
    short = StreamFit(Card(1, blocks, 100, ALSA).stamps(), RATE_HZ)
    assert short.error_ns(100) >= UNPROVEN_LATENESS_NS
    exact = StreamFit(Card(1, blocks, 100, EXACT).stamps(), RATE_HZ)
    assert exact.error_ns(100) < 100_000


@pytest.mark.parametrize("kind", sorted(ALL))
def test_the_first_second_after_the_start(kind):
    for blocks in range(1, 51):
        card = Card(blocks, blocks, -180, ALL[kind])
        found = probe(card, StreamFit(card.stamps(), RATE_HZ), np.random.default_rng(blocks))
        assert all(error <= claim + ROUNDING_NS for error, claim in found)


@pytest.mark.parametrize("kind", sorted(ALL))
def test_both_directions_agree_and_rise(kind):
    card = Card(3, 900, 170, ALL[kind], drops=(300,))
    fit = StreamFit(card.stamps(), RATE_HZ)
    frames = np.linspace(-4000, float(card.frames[-1]) + 4000, 3001)
    times = [fit.mono_at(f) for f in frames]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert all(abs(fit.frame_at(t) - f) < 1e-3 for f, t in zip(frames, times, strict=True))


def test_extrapolation_claims_more_with_distance():
    card = Card(3, 900, 170, ALSA)
    fit = StreamFit(card.stamps(0, 500), RATE_HZ)
    ahead = [500 * 320 + seconds * RATE_HZ for seconds in (0, 1, 4, 8)]
    errors = [fit.error_ns(frame) for frame in ahead]
    assert errors == sorted(errors)
    assert all(abs(fit.mono_at(f) - card.true_ns(f)) <= e + ROUNDING_NS for f, e in zip(ahead, errors, strict=True))


@pytest.mark.parametrize("ppm", [-200.0, -35.0, 0.0, 120.0, 200.0])
def test_drift_is_measured(ppm):
    for jitter, close in ((EXACT, 0.01), (ALSA, 2), (COARSE, 60)):
        fit = StreamFit(Card(11, 3000, ppm, jitter).stamps(), RATE_HZ)
        assert (fit.period_ns * RATE_HZ / 1e9 - 1) * 1e6 == pytest.approx(ppm, abs=close)


def test_impossible_stamps_do_not_break_the_map():
    """A clock that goes back, stamps faster than any card: no promise, but a map that rises and a finite claim."""
    frames = np.arange(1, 101, dtype=np.int64) * 320
    mono = START_NS + np.where(frames > 16000, 0, 1_000_000_000) + frames * 100
    fit = StreamFit(Stamps(0, frames, mono, np.zeros(100, np.int64)), RATE_HZ)
    times = [fit.mono_at(f) for f in range(0, 32000, 100)]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert fit.error_ns(8000) > MAX_DRIFT_PPM
