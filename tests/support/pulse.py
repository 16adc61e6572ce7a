"""A sound card without a sound card: PulseAudio in user space behind ALSA's `pulse` plug-in.

A `Feeder` is the sound in the room: frame k of a known noise exists at t0 + k / rate, whether anybody listens or not.
It is written in real time into the FIFO of a pipe source, so each captured sample tells when it was captured.
"""

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

RATE_HZ = 16000
CHUNK_FRAMES = 160
_PR_SET_PDEATHSIG = 1
_NEEDED = ("pulseaudio", "pactl")

# Every run of four samples of this is unique, so a piece of it proves its own place.
SOUND = np.random.default_rng(20).integers(-30000, 30000, RATE_HZ * 120, dtype=np.int16)
SOUND[SOUND == 0] = 1


def require_pulse():
    """Skip where PulseAudio or ALSA's plug-in for it is not installed."""
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    if missing or not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip(f"needs pulseaudio, pulseaudio-utils and libasound2-plugins (missing: {missing or 'the plug-in'})")


def die_with_parent():
    """Run in a child before exec: no daemon outlives the test process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_until(condition, what, timeout_s=10.0):
    """Poll `condition` until it gives something true, and return that."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


class Pulse:
    """A PulseAudio of its own below `folder`, with the PCM `mic`; it can be killed and started again."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.fifo = folder / "mic.fifo"
        self.socket = folder / "native"
        (folder / "run").mkdir(mode=0o700)
        (folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\npcm.mic { type pulse device room }\npcm.!default { type pulse device room }\n"
        )
        self.env = os.environ | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "PULSE_RUNTIME_PATH": str(folder / "run"),
            "PULSE_SERVER": f"unix:{self.socket}",
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        self.process = None

    def start(self):
        """Start, and return when its source can be opened."""
        self.fifo.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--disallow-exit",
                "--use-pid-file=no",
                "--log-level=error",
                "--disable-shm=yes",
                "-L",
                f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}",
                "-L",
                f"module-pipe-source source_name=room file={self.fifo} rate={RATE_HZ} channels=1 format=s16le",
                # Without a listener PulseAudio lets the FIFO stand, and the first one would hear old sound.
                "-L",
                f"module-null-sink sink_name=void rate={RATE_HZ} channels=1 format=s16le",
                "-L",
                "module-loopback source=room sink=void",
            ],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads of ours hold locks yet
        )
        wait_until(self._has_source, "PulseAudio's start")

    def _has_source(self):
        found = subprocess.run(
            ["pactl", "list", "short", "sources"], env=self.env, capture_output=True, text=True, check=False
        )
        return "room" in found.stdout

    def freeze(self):
        """SIGSTOP: the server is there and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """SIGKILL, as a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Feeder:
    """Writes SOUND into a FIFO, in chunks, each when its last frame exists; what nobody takes is lost as in a room."""

    def __init__(self, fifo: Path):
        self.fifo = fifo
        self.t0_ns = time.monotonic_ns()
        self.dropped_chunks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="feeder", daemon=True)
        self._thread.start()

    def frame_at(self, mono_ns: int) -> float:
        """The frame of SOUND that existed at `mono_ns`."""
        return (mono_ns - self.t0_ns) * RATE_HZ / 1e9

    def close(self):
        self._stop.set()
        self._thread.join()

    def _feed(self):
        descriptor = -1
        for first in range(0, len(SOUND), CHUNK_FRAMES):
            end_ns = self.t0_ns + (first + CHUNK_FRAMES) * 1_000_000_000 // RATE_HZ
            if self._stop.wait(max(0, (end_ns - time.monotonic_ns()) / 1e9)):
                break
            descriptor = self._write(descriptor, SOUND[first : first + CHUNK_FRAMES].tobytes())
        if descriptor >= 0:
            os.close(descriptor)

    def _write(self, descriptor, data):
        try:
            if descriptor < 0:
                descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
            os.write(descriptor, data)
        except BlockingIOError:
            # The server has not read for two seconds.
            self.dropped_chunks += 1
        except OSError as error:
            if error.errno not in {errno.ENXIO, errno.ENOENT, errno.EPIPE}:
                raise
            if descriptor >= 0:
                os.close(descriptor)
            return -1
        return descriptor


def place_in_sound(piece: np.ndarray) -> int:
    """Return where in SOUND `piece` begins; it has to be there exactly, and once."""
    starts = np.flatnonzero(SOUND[: len(SOUND) - len(piece)] == piece[0])
    found = [start for start in starts if np.array_equal(SOUND[start : start + len(piece)], piece)]
    assert len(found) == 1, f"the piece is at {found[:5]} of the sound"
    return int(found[0])
