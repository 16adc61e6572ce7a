"""Bridge ingest with one and two workers on SQLite and PostgreSQL, beside a bare subscriber that throws away."""

from __future__ import annotations

import io

import soundfile

from bench import bare
from bench.figure import Figure
from bench.load import Generator, Load, presses, tracks
from bench.sound import RATE_HZ, speech_like
from bench.workers import private_broker, running_workers
from tests.support.postgres import running_postgres

EVENTS = 5000
BOXES = 20
TRACKS = 30
TOPICS = ("earshot/1/+/+/event", "earshot/1/+/+/track/#")


def run() -> list[Figure]:
    """Events per second and MB/s of sound, from the first publish to the last receipt."""
    audio = io.BytesIO()
    samples = speech_like(30)
    soundfile.write(audio, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    figures = []
    with running_postgres(fsync=True) as postgres:
        for name in ("SQLite", "PostgreSQL"):
            for workers in (1, 2):
                with private_broker() as (broker, folder):
                    url = (
                        f"sqlite:///{folder / 'bridge.db'}" if name == "SQLite" else postgres.create(f"bench{workers}")
                    )
                    floor_events = _floor(broker, presses(BOXES, EVENTS // BOXES))
                    sound = tracks(TRACKS, audio.getvalue(), len(samples), RATE_HZ)
                    floor_sound = _floor(broker, sound)
                    with running_workers(broker, folder, url, workers):
                        generator = Generator(broker)
                        load = presses(BOXES, EVENTS // BOXES)
                        events_s = generator.send(load)
                        sound_s = generator.send(sound)
                        generator.close()
                who = f"{name}, {workers} worker{'s' if workers > 1 else ''}"
                megabytes = sound.bytes / 1e6
                figures += [
                    Figure(
                        "ingest",
                        f"events, {who}",
                        EVENTS / events_s,
                        "1/s",
                        "bare subscriber",
                        EVENTS / floor_events,
                        more_is_better=True,
                    ),
                    Figure(
                        "ingest",
                        f"sound, {who}",
                        megabytes / sound_s,
                        "MB/s",
                        "bare subscriber",
                        megabytes / floor_sound,
                        more_is_better=True,
                    ),
                ]
    return figures


def _floor(broker: bare.Broker, load: Load) -> float:
    generator = Generator(broker)
    taken_s = bare.transfer_s(broker, generator.client, load.messages, TOPICS)
    generator.close()
    return taken_s
