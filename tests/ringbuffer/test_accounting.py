"""captured + lost = elapsed x rate: what is missing without a name is found."""

import pytest
from simulated_card import ALL, ALSA, COARSE, EXACT, Card

from ringbuffer import Stamps, account

RATE_HZ = 16000


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize("ppm", [-200, -7, 0, 90, 200])
@pytest.mark.parametrize("blocks", [10, 40, 400, 9000])
def test_a_sound_stream_is_explained(kind, ppm, blocks):
    found = account([Card(blocks, blocks, ppm, ALL[kind]).stamps()], RATE_HZ)
    assert found.is_explained
    assert abs(found.counted_frames - found.elapsed_ns * found.rate_hz / 1e9) <= found.resolution_frames + 160


@pytest.mark.parametrize("jitter", [EXACT, ALSA, COARSE])
@pytest.mark.parametrize("ppm", [-200, 0, 200])
@pytest.mark.parametrize(("blocks", "at"), [(400, 200), (9000, 40), (9000, 4567), (9000, 8900)])
def test_a_silently_dropped_period_is_caught(jitter, ppm, blocks, at):
    found = account([Card(at, blocks, ppm, jitter, drops=(at,)).stamps()], RATE_HZ)
    assert not found.is_explained
    assert found.unexplained_frames == pytest.approx(320, abs=2 + jitter.uncertainty_ns * 2 * RATE_HZ / 1e9)
    assert found.resolution_frames < 320


def test_every_dropped_period_counts():
    found = account([Card(2, 9000, 150, ALSA, drops=(700, 3000, 3001, 8000)).stamps()], RATE_HZ)
    assert found.unexplained_frames == pytest.approx(4 * 320, abs=12)
    assert found.drift_ppm == pytest.approx(-150, abs=3)


def test_a_named_gap_is_explained():
    card = Card(2, 2000, -120, ALSA, drops=(1000,))
    after = card.stamps(1000)
    shifted = Stamps(after.first_frame + 320, after.frames + 320, after.mono_ns, after.uncertainty_ns)
    found = account([card.stamps(0, 1000), shifted], RATE_HZ)
    assert found.is_explained
    # And over the whole, the gap's frames counted as lost:
    elapsed_ns = int(card.mono_ns[-1] - card.mono_ns[0])
    assert card.frames[-1] - card.frames[0] + 320 == pytest.approx(elapsed_ns * found.rate_hz / 1e9, abs=8)


def test_nothing_to_account():
    found = account([], RATE_HZ)
    assert found.is_explained
    assert found.rate_hz == RATE_HZ
