"""What the box and the doctor say of the eye: through the ring alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_clock import BOOT_B, FakeClock
from field_parts import Place, codes

from edge.config_eye import Eye
from edge.eye.face_writer import FaceWriter
from edge.eye.run import face_source
from edge.eyewatch import EyeWatch
from edge.faces import FacePoint, FaceState, NoDataReason
from edge.faults import FaultBook
from edge.field.check_camera import check_camera
from models import weights

NS = 1_000_000_000


class Memory:
    """Fulfils `Records`; keeps the events."""

    def __init__(self):
        self.events = []
        self.notes = {}

    def add_event(self, data, _wall_ns):
        self.events.append(data)
        return len(self.events)

    def note(self, key):
        return self.notes.get(key)

    def set_note(self, key, value):
        self.notes[key] = value


def no_data(mono_ns, reason):
    return FacePoint(mono_ns, FaceState.NO_DATA, reason=reason)


def face(mono_ns):
    return FacePoint(mono_ns, FaceState.FACE, 0.5, 1, (0.1, 0.1, 0.2, 0.2), 1)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def eye(tmp_path):
    return Eye(enabled=True, driver="video", file="a", ring=str(tmp_path / "face.ring"))


def writer(eye, boot_id):
    return FaceWriter(eye.ring, face_source(eye), boot_id)


def test_faults_begin_and_end_with_what_the_ring_says(eye, clock):
    records = Memory()
    faults = FaultBook(records, clock)
    watch = EyeWatch(eye, faults, clock)

    def active():
        watch.tick(clock.mono_ns())
        return [line.partition(" ")[0] for line in faults.active]

    assert active() == [], "the eye may still be starting"
    clock.advance(16 * NS)
    assert active() == ["camera_absent"]
    with writer(eye, clock.boot_id) as ring:
        assert active() == ["camera_stalled"]
        ring.append(face(clock.mono_ns()))
        assert active() == []
        clock.advance(5 * NS)
        assert active() == ["camera_stalled"]
        for reason, name in (("disconnect", "camera_absent"), ("stalled", "camera_stalled")):
            clock.advance(1)
            ring.append(no_data(clock.mono_ns(), NoDataReason(reason)))
            assert active() == [name]
        ring.append(face(clock.mono_ns() + 1))
        clock.advance(2)
        assert active() == []
        for second in range(61):
            clock.advance(NS)
            ring.append(no_data(clock.mono_ns(), NoDataReason.COVERED))
            assert active() == ([] if second < 60 else ["camera_covered"])
        ring.append(face(clock.mono_ns() + 1))
        assert active() == []
    assert {(event.name, event.active) for event in records.events} == {
        (name, active) for name in ("camera_absent", "camera_stalled", "camera_covered") for active in (True, False)
    }


def test_without_a_camera_earlier_faults_end(eye, clock):
    records = Memory()
    FaultBook(records, clock).set("camera_absent", "eye", active=True, detail="gone")
    faults = FaultBook(records, clock)
    off = EyeWatch(Eye(), faults, clock)
    off.tick(clock.mono_ns())
    assert faults.active == ()
    assert off.health(clock.mono_ns()) is None


def test_health_tells_what_the_newest_point_says(eye, clock):
    watch = EyeWatch(eye, FaultBook(Memory(), clock), clock)
    assert watch.health(clock.mono_ns()) is None
    with writer(eye, clock.boot_id) as ring:
        assert watch.health(clock.mono_ns()) is None
        ring.append(face(clock.mono_ns()))
        clock.advance(NS // 2)
        health = watch.health(clock.mono_ns())
        assert (health.running, health.state, health.faces, health.stalled_ms) == (True, "face", 1, 500)
        assert (health.camera, health.simulated, health.privacy) == ("video:a", True, "index")
        clock.advance(9 * NS)
        assert not watch.health(clock.mono_ns()).running
        ring.append(no_data(clock.mono_ns(), NoDataReason.COVERED))
        covered = watch.health(clock.mono_ns())
        assert (covered.running, covered.state, covered.reason) == (False, "no_data", "covered")


def test_a_ring_of_an_earlier_boot_is_no_eye(eye, clock):
    with writer(eye, BOOT_B) as ring:
        ring.append(face(clock.mono_ns()))
    faults = FaultBook(Memory(), clock)
    watch = EyeWatch(eye, faults, clock)
    clock.advance(16 * NS)
    watch.tick(clock.mono_ns())
    assert "earlier boot" in faults.active[0]
    assert watch.health(clock.mono_ns()) is None


@pytest.fixture
def seeing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A box with a camera, and a detector in its place."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / weights.DETECTOR).write_bytes(b"weights")
    return Place(tmp_path, eye={"enabled": True, "device": "/dev/video7", "ring": str(tmp_path / "run/face.ring")})


def camera_code(place):
    ((check, code),) = codes(check_camera(place.around()))
    assert check == "camera"
    return code


def test_doctor_without_a_camera(tmp_path):
    assert camera_code(Place(tmp_path)) == "off"


def test_doctor_states(seeing, tmp_path):
    eye, clock = seeing.config.eye, seeing.clock
    assert camera_code(seeing) == "absent"
    with writer(eye, clock.boot_id) as ring:
        assert camera_code(seeing) == "stalled"
        ring.append(face(clock.mono_ns()))
        assert camera_code(seeing) == "ok"
        for reason, code in (("absent", "unplugged"), ("disconnect", "unplugged"), ("stalled", "stalled")):
            clock.advance(1)
            ring.append(no_data(clock.mono_ns(), NoDataReason(reason)))
            assert camera_code(seeing) == code
        clock.advance(1)
        ring.append(no_data(clock.mono_ns(), NoDataReason.COVERED))
        assert camera_code(seeing) == "covered"
        clock.advance(10 * NS)
        assert camera_code(seeing) == "stalled"
    with FaceWriter(eye.ring, replace(face_source(eye), simulated=True), clock.boot_id) as ring:
        ring.append(face(clock.mono_ns()))
        assert camera_code(seeing) == "simulated"
    with writer(eye, BOOT_B) as ring:
        assert camera_code(seeing) == "stale"
    Path(eye.ring).write_bytes(b"no ring")
    assert camera_code(seeing) == "unreadable"
    (tmp_path / "models" / weights.DETECTOR).unlink()
    assert camera_code(seeing) == "no_detector"
