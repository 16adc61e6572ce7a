"""No sound outside of a press's window reaches a disk or the network: the whole run's sound carries a watermark."""

import soundfile
from leaks import LeakSearch
from real_run import AFTER_S, BEFORE_S
from watermark import RATE_HZ, marked_frames

# The cut is made to the nearest frame at either end.
ROUNDING_FRAMES = 2


def leak_search(run) -> LeakSearch:
    presses = [(press.mono_ns - run.origin) / 1e9 for press in run.ledger.presses()]
    windows = [
        ((at - BEFORE_S) * RATE_HZ - ROUNDING_FRAMES, (at + AFTER_S) * RATE_HZ + ROUNDING_FRAMES) for at in presses
    ]
    return LeakSearch(soundfile.read(run.wav, dtype="int16")[0], windows)


def test_all_sound_that_the_ear_heard_is_marked(run):
    assert marked_frames(soundfile.read(run.wav, dtype="int16")[0]) > 30 * RATE_HZ


def test_the_ring_does_hold_sound_of_other_moments(run):
    """The search finds in the ring, which may hold it, what must not be found anywhere else."""
    leaks = leak_search(run).in_file(run.chain.ring)
    assert leaks


def test_no_file_holds_sound_of_other_moments(run):
    looking = leak_search(run)
    assert looking.in_folder(run.chain.folder) == []
    # The tracks themselves were found, so the search does see sound in these folders.
    assert looking.permitted >= len(run.answers)


def test_no_message_holds_sound_of_other_moments(run):
    looking = leak_search(run)
    assert looking.in_messages(run.messages) == []
    assert looking.permitted >= len(run.answers)


def test_a_leak_would_be_found(run, tmp_path):
    looking = leak_search(run)
    before = soundfile.read(run.wav, dtype="int16")[0][: RATE_HZ // 2]
    (tmp_path / "journal.csv").write_bytes(b"place;time\n" + before.tobytes())
    soundfile.write(tmp_path / "scratch.tmp", before, RATE_HZ, format="FLAC", subtype="PCM_16")
    soundfile.write(tmp_path / "small.tmp", before // 4, RATE_HZ, format="OGG", subtype="OPUS")
    leaks = looking.in_folder(tmp_path)
    for name in ("journal.csv", "scratch.tmp", "small.tmp"):
        assert any(name in leak for leak in leaks)
