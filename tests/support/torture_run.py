"""The torture: a chain under a stream of presses, killed again and again, and judged in the end."""

import random
import time
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree

from torture_check import journal_problems, origins_ns, problems, sound_problems, unkept_extensions
from torture_killer import Report, plan, torment
from torture_points import RESERVE_BYTES, EveryPoint, nothing_waits
from torture_presses import PressStream
from torture_replay import canonical, differences, event_payloads, undisturbed_copy
from watermark import watermarked, write_wav

from demo.chain import Chain, Settings, memory_folder
from demo.ledger import Ledger
from demo.locate import Source
from demo.speech import RATE_HZ

SHARED_BUTTON = "staff"
# A file longer than the time between two kills of the ear, so that it hardly ever loops.
SOURCE_S = 60.0
HEAL_S = 90.0
BEFORE_S, AFTER_S = 1.5, 1.0


def torture(folder: Path, kills: int, seed: int, *, every_point: bool = False) -> dict[str, object]:
    """Run it in `folder`; everything that was found, with `good` as the verdict. Call from the main thread.

    `every_point`: strike at each fault point by its name first; one that is not reached is a fault.
    """
    rng = random.Random(seed)
    with ExitStack() as stack:
        memories = [memory_folder(), memory_folder()]
        for memory in memories:
            stack.callback(rmtree, memory, ignore_errors=True)
        wav = write_wav(folder / "source.wav", watermarked(SOURCE_S, seed))
        settings = Settings(
            wav,
            before_s=BEFORE_S,
            after_s=AFTER_S,
            depth_s=1800,
            uplink={"receipt_timeout_ms": 1000, "backoff_min_ms": 50, "backoff_max_ms": 1000, "health_period_s": 5},
            presses={"misuse_presses": 1_000_000},
            tracks={"tail_grace_s": 3, "disk_reserve_bytes": RESERVE_BYTES},
            extra_buttons=({"name": SHARED_BUTTON, "driver": "virtual", "trigger": "appeal", "shared": True},),
        )
        chain = Chain(folder / "disturbed", memories[0], settings)
        stack.callback(chain.stop)
        chain.prepare()
        chain.start()
        stream = PressStream(chain, seed, (0.1, 0.6), SHARED_BUTTON)
        points = EveryPoint(chain, stream, BEFORE_S)
        report = Report()
        stream.start()
        try:
            if every_point:
                report = points.strike_all()
            if kills and not report.crashed:
                report.add(torment(chain, plan(kills, rng), rng))
        finally:
            stream.stop()
        healed = not report.crashed and _heal(chain, stream, set(points.extensions.values()))
        origins = origins_ns(chain.ring, RATE_HZ)
        chain.stop()

        ledger = Ledger(chain.database, chain.blobs)
        payloads = event_payloads(chain.database)
        lost, twice = problems(ledger, payloads, stream.acknowledged, stream.requested, points.may_be_lost)
        lost += unkept_extensions(ledger, points.extensions)
        lost += journal_problems(chain.journal, ledger)
        source = Source.read(wav)
        wrong = [
            text for track in ledger.tracks().values() if track.file for text in sound_problems(track, source, origins)
        ]
        undisturbed = undisturbed_copy(chain.database, chain.blobs, folder / "undisturbed", memories[1])
        unequal = differences(canonical(chain.database), canonical(undisturbed.database))
    not_reached = sorted(report.unreached - report.reached)
    faults = [
        *report.crashed,
        *stream.contradictions,
        *lost,
        *twice,
        *wrong,
        *unequal,
        *(f"quarantined: {topic}: {reason}" for topic, reason in ledger.quarantined()),
        *([] if healed else ["not everything was delivered in the end"]),
        *(f"no kill at {point}: it was not reached" for point in not_reached if every_point),
        *([f"{n} numbers of events are missing"] if (n := ledger.missing_seqs()) else []),
    ]
    return {
        "good": not faults,
        "seed": seed,
        "kills": dict(report.kills) | {"total": report.kills.total()},
        "fault_points_reached": sorted(report.reached),
        "fault_points_not_reached": not_reached,
        "acknowledged": len(stream.acknowledged),
        "tracks": sum(track.state == "complete" for track in ledger.tracks().values()),
        "partial": sum(bool(track.manifest and track.manifest.partial) for track in ledger.tracks().values()),
        "extensions": len(points.extensions),
        "told_as_lost": sum(track.state == "lost" for track in ledger.tracks().values()),
        "lost": len(lost),
        "twice": len(twice) + len(stream.contradictions),
        "wrong_sound": len(wrong),
        "database_equals_undisturbed": not unequal,
        "faults": faults[:20],
    }


def _heal(chain: Chain, stream: PressStream, extensions: set[str]) -> bool:
    """Whether everything acknowledged becomes complete now that nobody kills."""
    ledger = Ledger(chain.database, chain.blobs)
    deadline_s = time.monotonic() + HEAL_S
    while time.monotonic() < deadline_s:
        for child in chain.children:
            child.require_running()
        presses = {press.id: press for press in ledger.presses()}
        tracks = ledger.tracks()
        there = all(press in presses for press in stream.acknowledged.values())
        promised = {press.track for press in presses.values() if press.track} | extensions
        if there and all(_settled(tracks, track) for track in promised) and nothing_waits(chain):
            return True
        time.sleep(0.2)
    return False


def _settled(tracks: dict, track: str) -> bool:
    return track in tracks and tracks[track].state in {"complete", "lost"}
