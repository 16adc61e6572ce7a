"""The microphone comes and goes, and the ear is stopped: what is missing is named, what is there is exact."""

import os
import secrets
import signal
import time

from edge.wire import Extend, FaultData
from lab.device.counter import BEFORE_S, NAME, SITE, sound
from lab.device.evidence import OFFSET_MS_MAX, measure
from lab.device.installation import BOX, EAR, RING
from lab.device.loopback import RATE_HZ, Playing
from lab.device.waiting import wait_until
from ringbuffer import AudioRing, RingError

BACK_S_MAX = 2.0


def newest_ns():
    """Up to when the ring holds sound; None where there is no ring or no sound."""
    try:
        return AudioRing(RING).newest_ns()
    except RingError:
        return None


def back_after_s(since_ns):
    """Seconds from `since_ns` until the ring held sound of later than that."""
    wait_until(lambda: (newest_ns() or 0) > since_ns, "sound is back")
    return (time.monotonic_ns() - since_ns) / 1e9


def extended(counter, press, before_s):
    """Manifest and file of a further track of a press, with so many more seconds before it."""
    command = Extend(id=secrets.token_hex(16), track=press.data.track, before_s=before_s)
    reply = counter.bridge.command(SITE, NAME, command)
    assert reply.ok, reply.error
    track = reply.result["track"]
    content = wait_until(lambda: counter.bridge.sound(track), "the bridge has the extension")
    return counter.manifest_of(track), content


def seconds_of(manifest):
    """How much is missing for each reason."""
    found = {}
    for gap in manifest.gaps:
        found[gap.reason] = found.get(gap.reason, 0) + gap.frames / RATE_HZ
    return found


def test_a_card_that_is_unplugged_leaves_a_named_gap_and_is_back_at_once(counter, say, figure):
    wait_until(
        lambda: AudioRing(RING).oldest_ns() < time.monotonic_ns() - 4_000_000_000, "some sound before", poll_s=0.5
    )
    gone_ns = counter.card.unplug()
    counter.fault("sound_stalled", active=True, since_ns=gone_ns)
    back_ns = counter.card.plug()
    back_s = back_after_s(back_ns)
    with Playing(sound(60, seed=11)) as playing:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_red()
        press = counter.press_of(touch, "red")
        manifest, content = counter.track_of(press)
        measured = measure(content, manifest, playing, touch)
        longer, longer_content = extended(
            counter, press, before_s=(press.data.stamp.mono_ns - gone_ns) / 1e9 - BEFORE_S + 2
        )
        seen = measure(longer_content, longer, playing, touch)
    missing = seconds_of(longer)
    say(f"sound {back_s:.2f} s after the card was back; away for {(back_ns - gone_ns) / 1e9:.2f} s")
    say(f"missing: {missing}; {seen}")
    figure("sound after a card is plugged in again", back_s, "s")
    assert back_s <= BACK_S_MAX
    assert (measured.gaps, abs(measured.offset_ms) <= OFFSET_MS_MAX) == ((), True)
    assert set(missing) == {"disconnect"}
    assert -0.1 <= missing["disconnect"] - (back_ns - gone_ns) / 1e9 <= BACK_S_MAX
    assert abs(seen.offset_ms) <= OFFSET_MS_MAX
    counter.fault("sound_stalled", active=False, since_ns=back_ns)

    def told():
        gaps = [event.data for event in counter.bridge.of(FaultData) if event.data.name == "gap_disconnect"]
        gaps = [gap for gap in gaps if gap.stamp.mono_ns >= gone_ns]
        # The first one comes while the card is still away, the rest a minute later at most.
        return gaps if sum(gap.lost_frames for gap in gaps) / RATE_HZ >= missing["disconnect"] - 0.1 else None

    for gap in wait_until(told, "the bridge hears of all that was lost", poll_s=2):
        say(f"told: {gap.device}: {gap.detail}")


def test_a_box_without_a_microphone_starts_says_so_and_hears_when_it_comes(counter, say):
    counter.box.stop(EAR)
    counter.card.unplug()
    began_ns = time.monotonic_ns()
    counter.box.start(EAR)
    status = counter.box.show(EAR, "StatusText")
    say(f"ready {(time.monotonic_ns() - began_ns) / 1e9:.1f} s after its start: {status}")
    touch = counter.touch_red()
    press = counter.press_of(touch, "red")
    counter.fault("sound_stalled", active=True, since_ns=began_ns)
    assert counter.box.active(EAR)
    assert "no sound card 'Loopback'" in status
    back_s = back_after_s(counter.card.plug())
    say(f"sound {back_s:.2f} s after the card")
    assert back_s <= BACK_S_MAX
    manifest, _ = counter.track_of(press)
    say(f"its track: {seconds_of(manifest)} missing, partial: {manifest.partial}")
    assert manifest.partial
    assert set(seconds_of(manifest)) <= {"restart", "absent", "disconnect"}


def test_an_ear_that_hangs_is_killed_and_started_again_and_the_gap_is_named(counter, say, figure):
    restarts = int(counter.box.show(EAR, "NRestarts"))
    hung = counter.box.pid(EAR)
    with Playing(sound(150, seed=13)) as playing:
        # Longer than the window below reaches back beyond the hang.
        playing.wait_for(8)
        stopped_ns = time.monotonic_ns()
        os.kill(hung, signal.SIGSTOP)
        wait_until(
            lambda: int(counter.box.show(EAR, "NRestarts")) > restarts, "systemd starts the ear again", poll_s=0.1
        )
        wait_until(lambda: counter.box.active(EAR), "the ear is ready again", poll_s=0.1)
        wait_until(lambda: newest_ns() > stopped_ns + 1_000_000_000, "sound is back")
        hung_s = (time.monotonic_ns() - stopped_ns) / 1e9
        playing.wait_for(playing.heard_s + BEFORE_S + 1)
        touch = counter.touch_red()
        press = counter.press_of(touch, "red")
        manifest, content = counter.track_of(press)
        whole = measure(content, manifest, playing, touch)
        longer, longer_content = extended(counter, press, before_s=hung_s + 6)
        seen = measure(longer_content, longer, playing, touch)
    said = [record["MESSAGE"] for record in counter.box.log("_PID=1", unit=EAR, since_s=hung_s + 60)]
    said = [line for line in said if "atchdog" in line]
    missing = seconds_of(longer)
    say(f"sound again {hung_s:.1f} s after it hung; systemd: {said}")
    say(f"missing: {missing}; {seen}")
    figure("sound after an ear that hangs", hung_s, "s")
    figure("error of the length of its gap", seen.seam_ms, "ms")
    assert said
    assert counter.box.pid(EAR) != hung
    assert set(missing) == {"restart"}
    assert 10 < missing["restart"] <= hung_s
    assert seen.seam_ms <= OFFSET_MS_MAX
    assert abs(seen.offset_ms) <= OFFSET_MS_MAX
    assert (whole.gaps, abs(whole.offset_ms) <= OFFSET_MS_MAX) == ((), True)
    assert AudioRing(RING).stats().unexplained_frames == 0


def test_a_box_that_is_restarted_within_a_window_loses_no_sound(counter, say):
    with Playing(sound(150, seed=14)) as playing:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_red()
        counter.press_of(touch, "red")
        counter.box.restart(BOX)
        _, manifest, measured = counter.heard(touch, "red", playing)
    say(f"restarted by systemctl: {measured}")
    assert (measured.gaps, manifest.partial) == ((), False)
    assert abs(measured.offset_ms) <= OFFSET_MS_MAX


def test_a_box_that_is_killed_within_a_window_loses_no_sound(counter, say):
    with Playing(sound(150, seed=15)) as playing:
        playing.wait_for(BEFORE_S + 1)
        touch = counter.touch_red()
        killed = counter.box.pid(BOX)
        counter.press_of(touch, "red")
        os.kill(killed, signal.SIGKILL)
        _, manifest, measured = counter.heard(touch, "red", playing)
        wait_until(lambda: counter.box.pid(BOX) not in (0, killed), "systemd has started the box again")
    say(f"killed: {measured}")
    assert (measured.gaps, manifest.partial) == ((), False)
    assert abs(measured.offset_ms) <= OFFSET_MS_MAX
