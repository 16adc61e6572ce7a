"""The Smile-Index: golden numbers, its limits, and what must hold for any film of a face."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import smile_index as si

S = 1_000_000_000
MS = 1_000_000
PRESS = 1000 * S
THETA = 0.5


@dataclass(frozen=True)
class Seen:
    mono_ns: int
    state: str = "face"
    probability: float | None = 0.1
    face: int | None = 1


def film(start_s, end_s, step_ms=200, **values):
    """Frames from `start_s` to before `end_s`, in seconds from the press."""
    return [Seen(PRESS + ms * MS, **values) for ms in range(round(start_s * 1000), round(end_s * 1000), step_ms)]


def calm_but(*exceptions):
    """35 seconds of a calm face at five frames a second, with `exceptions` in the place of what lies there."""
    taken = {seen.mono_ns for seen in exceptions}
    return [seen for seen in film(-30, 5) if seen.mono_ns not in taken] + list(exceptions)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # 10 of 1000 is the golden number of the requirements; the others stand in Newcombe 1998 (method 3).
    [(10, 1000, 0.0054, 0.0183), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_wilson_gives_the_golden_numbers(successes, n, low, high):
    assert si.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_the_upper_end_of_all_is_one():
    assert si.wilson(29, 29) == (pytest.approx(0.8830, abs=5e-5), 1.0)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (2, 1), (-1, 3)])
def test_wilson_refuses_what_is_no_share(successes, n):
    with pytest.raises(ValueError, match="is no share"):
        si.wilson(successes, n)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share_and_shrinks_with_n(successes, n):
    successes = min(successes, n)
    low, high = si.wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    wider = si.wilson(successes, n)
    narrower = si.wilson(4 * successes, 4 * n)
    assert narrower[1] - narrower[0] < wider[1] - wider[0]
    mirrored = si.wilson(n - successes, n)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_the_index_counts_only_clients_with_a_verdict():
    figures = si.smile_index([True, None, False, True, None, True])
    assert figures == (4, 3, 75.0, pytest.approx(30.06, abs=0.01), pytest.approx(95.44, abs=0.01))
    assert si.smile_index([None, None]) == (0, 0, None, None, None)


@pytest.mark.parametrize(
    ("n", "publishing"),
    [(0, "hidden"), (9, "hidden"), (10, "unranked"), (49, "unranked"), (50, "ranked"), (5000, "ranked")],
)
def test_few_clients_are_no_figure(n, publishing):
    assert si.publishing(n) == publishing


@pytest.mark.parametrize(
    ("frames_ms", "expected"),
    [
        # Half a second from frame to frame, in a row.
        ([0, 200, 400], False),
        ([0, 200, 400, 500], True),
        ([0, 200, 400, 600], True),
        # A frame that is missing does not break a smile, two in a row do.
        ([0, 400, 800], True),
        ([0, 600], False),
    ],
)
def test_a_smile_lasts_half_a_second_without_a_break(frames_ms, expected):
    smiles = [Seen(PRESS - 10 * S + ms * MS, probability=0.5) for ms in frames_ms]
    ends = [ms + PRESS - 10 * S for ms in (-200 * MS, (frames_ms[-1] + 200) * MS)]
    calm = [s for s in film(-30, 5) if not ends[0] < s.mono_ns < ends[1]]
    assert si.smiled([*calm, *smiles], PRESS, THETA) is expected


def test_a_moment_below_the_threshold_breaks_a_smile():
    smile = [Seen(s.mono_ns, probability=0.9) for s in film(-5, -4.4)]
    almost = [*smile[:2], Seen(smile[2].mono_ns, probability=0.4999)]
    assert si.smiled(calm_but(*film(-5, -4.2, probability=0.9)), PRESS, THETA) is True
    assert si.smiled(calm_but(*almost, *film(-4.4, -4.2, probability=0.9)), PRESS, THETA) is False


def test_two_persons_do_not_smile_for_one_another():
    one, other = film(-5, -4.6, probability=0.9, face=1), film(-4.6, -4.2, probability=0.9, face=2)
    assert si.smiled(calm_but(*one, *other), PRESS, THETA) is False


@pytest.mark.parametrize(
    ("start_s", "expected"), [(-30.0, True), (-30.4, False), (4.4, True), (4.8, False), (60, False)]
)
def test_only_the_window_counts(start_s, expected):
    smile = film(start_s, start_s + 0.8, probability=0.9)
    assert si.smiled(calm_but(*smile), PRESS, THETA) is expected


def test_nobody_in_front_of_the_camera_is_no_lack_of_a_smile():
    assert si.smiled(film(-30, 5, state="no_face", probability=None, face=None), PRESS, THETA) is None
    assert si.smiled([], PRESS, THETA) is None


def test_a_lens_covered_for_twenty_seconds_gives_no_verdict_however_they_smiled():
    covered = film(-20, 0, state="no_data", probability=None, face=None)
    smiling = film(-30, -20, probability=0.99) + film(0, 5, probability=0.99)
    assert si.face_share([*covered, *smiling], PRESS) == pytest.approx(15 / 35)
    assert si.smiled([*covered, *smiling], PRESS, THETA) is None


@pytest.mark.parametrize(("seen_s", "expected"), [(20.8, None), (21.0, False), (21.2, False)])
def test_the_limit_is_sixty_percent_of_the_window(seen_s, expected):
    away = film(-30 + seen_s, 5, state="no_face", probability=None, face=None)
    assert si.smiled(film(-30, -30 + seen_s) + away, PRESS, THETA) is expected


def test_a_frame_before_the_window_tells_of_its_beginning():
    frames = film(-30.1, 5)
    assert si.face_share(frames, PRESS) == pytest.approx(1.0)
    assert si.face_share(frames[1:], PRESS) == pytest.approx(1 - 0.1 / 35)


def test_a_camera_that_stops_does_not_see_on():
    assert si.face_share(film(-30, -10), PRESS) == pytest.approx((19.8 + 0.5) / 35)


@pytest.mark.parametrize("mean", [0.0, 0.25, 1.0])
def test_the_strip_has_thirty_seconds_whatever_was_seen(mean):
    strip = si.seconds_before(film(-3, 0, probability=mean), PRESS)
    assert [offset_s for offset_s, _, _ in strip] == list(range(-30, 0))
    assert strip[-3:] == [(-3, "face", mean), (-2, "face", mean), (-1, "face", mean)]
    assert {state for _, state, _ in strip[:-3]} == {"no_data"}


def test_a_second_of_the_strip_is_the_mean_of_its_faces():
    frames = [
        Seen(PRESS - 2 * S, probability=0.2),
        Seen(PRESS - 2 * S + 200 * MS, state="no_face", probability=None, face=None),
        Seen(PRESS - 2 * S + 400 * MS, state="no_data", probability=None, face=None),
        Seen(PRESS - S - 1, probability=0.5),
        Seen(PRESS - S, state="no_face", probability=None, face=None),
        Seen(PRESS, probability=0.9),
    ]
    assert si.seconds_before(frames, PRESS)[-2:] == [(-2, "face", 0.35), (-1, "no_face", None)]


frames = st.lists(
    st.builds(
        lambda ms, seen, probability, face: Seen(
            PRESS + ms * MS,
            seen,
            probability if seen == "face" else None,
            face if seen == "face" else None,
        ),
        st.integers(-40_000, 10_000),
        st.sampled_from(["face", "face", "face", "no_face", "no_data"]),
        st.floats(0, 1),
        st.integers(1, 2),
    ),
    max_size=200,
    unique_by=lambda seen: seen.mono_ns,
)


@given(frames, st.randoms(use_true_random=False))
def test_any_film_in_any_order_gives_the_same_sound_verdict(seen, rng):
    share = si.face_share(seen, PRESS)
    assert 0 <= share <= 1
    verdict = si.smiled(seen, PRESS, THETA)
    assert (verdict is None) == (share < si.FACE_SHARE_MIN)
    shuffled = list(seen)
    rng.shuffle(shuffled)
    assert si.smiled(shuffled, PRESS, THETA) is verdict
    assert si.seconds_before(shuffled, PRESS) == si.seconds_before(seen, PRESS)


@given(frames, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_finds_a_longer_smile(seen, one, other):
    low, high = sorted((one, other))
    assert si.longest_smile_ns(seen, PRESS, high) <= si.longest_smile_ns(seen, PRESS, low) <= 35 * S


@given(frames)
def test_the_verdict_is_of_the_window_alone(seen):
    start_ns, end_ns = si.window(PRESS)
    within = [s for s in seen if start_ns - si.HOLD_NS <= s.mono_ns <= end_ns]
    assert si.smiled(within, PRESS, THETA) is si.smiled(seen, PRESS, THETA)
