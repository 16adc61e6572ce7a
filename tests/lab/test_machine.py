"""The decision how to compute, the machine's arguments, its monitor, and what a run is told to do."""

import json
import socket
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab import abreast, accel
from lab.__main__ import main
from lab.abreast import files
from lab.ask import Asked
from lab.errors import LabError
from lab.image import Image
from lab.machine import Settings
from lab.qmp import Qmp
from lab.suite import Outcome, Selection, clocks, command


def fake_qemu(tmp_path, ends_with):
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\nexit {ends_with}\n")
    program.chmod(0o755)
    return str(program)


def test_kvm_counts_only_when_a_machine_ran_with_it(tmp_path):
    device = tmp_path / "kvm"
    device.touch()
    # What the boot sector writes, as isa-debug-exit reports it.
    assert accel.probe(fake_qemu(tmp_path, 0x55), device) == "kvm"
    for refusal in (0, 1, 134):
        assert accel.probe(fake_qemu(tmp_path, refusal), device) == "tcg"


def test_without_the_device_nothing_is_started(tmp_path):
    assert accel.probe("/nonexistent/qemu", tmp_path / "none") == "tcg"


def test_the_boot_sector_is_one():
    code = accel.boot_code()
    assert len(code) == 512
    assert code[-2:] == b"\x55\xaa"


def test_virtual_time_is_single_threaded_translation(tmp_path):
    image = Image(tmp_path / "key")
    virtual = Settings(image, "tcg", "virtual").arguments
    real = Settings(image, "tcg", "real").arguments
    assert "-icount" in virtual
    assert "tcg,thread=single,tb-size=512" in virtual
    assert virtual[virtual.index("-smp") + 1] == "1"
    assert "-icount" not in real
    with pytest.raises(LabError, match="virtual time counts the instructions"):
        Settings(image, "kvm", "virtual")


def test_the_guest_runs_the_tests_of_its_clock():
    virtual = command("virtual", Selection(("lab/device/test_a.py",), "gpio or usb"))
    assert "-m 'not real_clock' -k 'gpio or usb' /project/lab/device/test_a.py" in virtual
    assert "-m real_clock" in command("real", Selection())


def test_a_machine_with_real_time_is_wanted_only_by_tests_that_say_so(tmp_path):
    (tmp_path / "test_a.py").write_text("def test(): ...")
    (tmp_path / "test_b.py").write_text("@pytest.mark.real_clock\ndef test(): ...")
    assert clocks(Selection(("test_a.py",)), tmp_path) == ("virtual",)
    assert clocks(Selection(("test_b.py::test",)), tmp_path) == ("virtual", "real")
    assert clocks(Selection((".",)), tmp_path) == ("virtual", "real")


def test_the_suite_is_run_file_by_file_the_longest_first(tmp_path):
    for name in ("a/test_eye.py", "a/test_badge.py", "b/test_guest.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("def test(): ...")
    parts = files(Selection(("b", "a", "a/test_badge.py::test"), "name"), tmp_path)
    assert [part.paths for part in parts] == [
        ("a/test_eye.py",),
        ("b/test_guest.py",),
        ("a/test_badge.py",),
        ("a/test_badge.py::test",),
    ]
    assert {part.expression for part in parts} == {"name"}


class Job:
    """Takes the place of `suite.run`: jobs that say that they began, and end when they are told to."""

    def __init__(self):
        self.began = []
        self.machines = []

    def run(self, settings, kept, folder, selection, timeout_s, started, *, whole):
        self.began.append((selection.paths[0], folder.name, whole))
        if selection.paths[0] == "broken":
            raise LabError("the guest brought no result")
        machine = Machine()
        started(machine)
        self.machines.append(machine)
        if selection.paths[0] == "long":
            assert machine.killed.wait(30)
            raise LabError("the machine ended")
        return Outcome(settings.clock, 0, 1.0, 2.0)


class Machine:
    def __init__(self):
        self.killed = threading.Event()

    def kill(self):
        self.killed.set()


@pytest.fixture
def job(monkeypatch):
    job = Job()
    monkeypatch.setattr(abreast.suite, "run", job.run)
    return job


def jobs_of(tmp_path, *names):
    settings = Settings(Image(tmp_path / "key"), "tcg", "virtual")
    return [(settings, tmp_path, Selection((name,))) for name in names]


@pytest.mark.parametrize("at_once", [1, 2])
def test_each_file_has_a_folder_and_talks_by_itself_only_when_it_is_alone(tmp_path, job, at_once):
    outcomes = []
    abreast.run(jobs_of(tmp_path, "one", "two", "three"), tmp_path, 1.0, outcomes.append, at_once)
    assert len(outcomes) == 3
    whole = at_once > 1
    assert sorted(job.began) == [
        ("one", "00-virtual", whole),
        ("three", "02-virtual", whole),
        ("two", "01-virtual", whole),
    ]


def test_a_lab_that_fails_ends_its_other_machines(tmp_path, job):
    with pytest.raises(LabError, match="no result"):
        abreast.run(jobs_of(tmp_path, "long", "broken", "never"), tmp_path, 1.0, lambda _: None, 2)
    assert sorted(name for name, *_ in job.began) in (["broken", "long"], ["broken", "long", "never"])
    assert all(machine.killed.is_set() for machine in job.machines)


class Monitor:
    """QEMU's monitor, played: answers by a table, events before some answers."""

    def __init__(self, path, answers):
        self.answers = answers
        self.asked = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, _ = self._server.accept()
        with connection, connection.makefile("rwb") as lines:
            lines.write(b'{"QMP": {}}\n')
            lines.flush()
            for line in lines:
                request = json.loads(line)
                self.asked.append(request)
                for message in self.answers.get(request["execute"], [{"return": {}}]):
                    lines.write(json.dumps(message).encode() + b"\n")
                lines.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.close()
        self._thread.join(5)


def test_monitor_keeps_events_apart_from_answers(tmp_path):
    gone = {"event": "DEVICE_DELETED", "data": {"device": "stick"}}
    answers = {
        "device_del": [{"event": "RESUME"}, {"return": {}}, gone],
        "blockdev-add": [{"error": {"desc": "no such file"}}],
    }
    with Monitor(tmp_path / "qmp.sock", answers) as monitor, Qmp(tmp_path / "qmp.sock") as qmp:
        assert qmp("device_del", id="stick") == {}
        assert qmp.wait_for("DEVICE_DELETED", 5, device="stick") == gone
        assert [event["event"] for event in qmp.events] == ["RESUME"]
        with pytest.raises(LabError, match=r"refused blockdev-add .*no such file"):
            qmp("blockdev-add", node_name="a", nothing=None)
    assert monitor.asked[-1] == {"execute": "blockdev-add", "arguments": {"node-name": "a"}}


def test_monitor_that_hangs_up_is_told(tmp_path):
    with pytest.raises(LabError, match="opened no socket"):
        Qmp(tmp_path / "none.sock", wait_s=0)


def asked(monitor_calls):
    service = Asked.__new__(Asked)
    service._qmp = lambda name, **arguments: monitor_calls.append((name, arguments)) or []
    return service


def test_what_the_guest_asks_for_stays_in_the_folder_of_its_job(tmp_path):
    calls = []
    service = asked(calls)
    service._job = tmp_path
    service.answer({"do": "plug", "id": "s", "kind": "storage", "image": "/job/stick.img", "port": "2"})
    assert calls[0][1]["file"]["filename"] == str(tmp_path / "stick.img")
    assert calls[1][1]["port"] == "2"
    for unknown in ({"do": "format"}, {"do": "plug", "id": 1, "kind": "storage", "image": "/job/x"}, {}):
        with pytest.raises(LabError, match="does not know the request"):
            service.answer(unknown)


@pytest.mark.parametrize("image", ["/etc/shadow", "/job/../etc/shadow"])
def test_no_other_file_of_the_host_is_plugged_in(tmp_path, image):
    calls = []
    service = asked(calls)
    service._job = tmp_path
    with pytest.raises(LabError, match="below /job"):
        service.answer({"do": "plug", "id": "s", "kind": "storage", "image": image})
    assert calls == []


def test_help_names_every_option():
    answer = CliRunner().invoke(main, ["--help"])
    assert answer.exit_code == 0
    for option in ("-k", "--clock", "--power-cuts", "--hours", "--keep", "--shell", "--rebuild", "--write", "--ci"):
        assert option in answer.output


@pytest.mark.parametrize("words", [["--clock", "wall"], ["--power-cuts", "many"], ["--nonsense"]])
def test_nonsense_is_refused_before_anything_is_built(words):
    assert CliRunner().invoke(main, words).exit_code == 2


def test_lab_needs_no_installation_to_be_imported():
    assert "lab" in sys.modules
    assert Path(sys.modules["lab"].__file__).parent.name == "lab"
