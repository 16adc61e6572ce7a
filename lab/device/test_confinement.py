"""What each process may do: its own work and nothing else, tried out and not only declared."""

import os
import pwd
import stat

import pytest

from lab.device.confinement import probed, status_of
from lab.device.installation import BOX, CONFIG, DATA, EAR, EYE, RING
from lab.device.waiting import run

# Tenths of systemd's points: 2.0 is the last "OK".
EXPOSURE_MAX = 20

each = pytest.mark.parametrize("unit", [EAR, BOX])

MAY = {
    EAR: {
        "read configuration",
        "read sound card",
        "write ring folder",
        "write own temporary folder",
        "make unix socket",
    },
    BOX: {
        "read configuration",
        "read input device",
        "read gpio chip",
        "read own credential",
        "write outbox folder",
        "write own temporary folder",
        "make internet socket",
        "make unix socket",
        "write and run memory",
    },
}


@each
def test_it_runs_as_its_own_user_without_any_power(counter, unit, say):
    status = status_of(counter.box.pid(unit))
    user = pwd.getpwnam(unit)
    groups = sorted(os.getgrouplist(unit, user.pw_gid))
    say({name: status[name] for name in ("Uid", "Groups", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")})
    assert status["Uid"].split() == [str(user.pw_uid)] * 4
    assert user.pw_uid != 0
    assert sorted(map(int, status["Groups"].split())) == groups
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("unit", [EAR, EYE, BOX])
def test_systemd_itself_judges_it_safe(unit, say):
    said = run(
        "systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE_MAX}", f"{unit}.service", check=False
    )
    say(said.stdout.splitlines()[-1])
    assert said.returncode == 0


def test_the_ear_comes_before_everything_else_on_the_processor(counter, say):
    pid = counter.box.pid(EAR)
    policy, priority = os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK, os.sched_getparam(pid).sched_priority
    say(f"policy {policy} (SCHED_RR is {os.SCHED_RR}), priority {priority}")
    assert (policy, priority) == (os.SCHED_RR, 20)


def test_files_belong_to_whom_they_should(counter, say):
    counter.track_of(counter.press_of(counter.touch_red(), "red"))
    seen = {}
    for path in (CONFIG, RING, RING.parent, DATA, *sorted(DATA.rglob("*"))):
        if path.exists():
            seen[path] = (path.owner(), path.group(), stat.S_IMODE(path.stat().st_mode))
    for path, (owner, group, mode) in seen.items():
        say(f"{owner}:{group} {mode:04o} {path}")
    assert seen[CONFIG] == ("root", "earshot", 0o640)
    assert seen[RING] == ("earshot-ear", "earshot-box", 0o640)
    assert seen[RING.parent] == ("earshot-ear", "earshot-box", 0o2750)
    assert seen[DATA] == ("earshot-box", "earshot-box", 0o750)
    for path, (owner, group, mode) in seen.items():
        if DATA in path.parents:
            assert (owner, group) == ("earshot-box", "earshot-box"), path
            assert mode & 0o027 == 0, path


@each
def test_of_all_that_is_tried_it_may_do_its_own_work_alone(counter, unit, say):
    """The unit itself, word for word, with a program in it that tries doors."""
    said = probed(unit)
    for door, outcome in said.items():
        say(f"{door}: {outcome}")
    assert {door for door, outcome in said.items() if outcome == "may"} == MAY[unit]
