"""Root's units of an update as systemd reads them: valid, and with few rights although they are root's."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SYSTEM = ROOT / "image/overlay/etc/systemd/system"
SLOT = "/usr/lib/earshot/slot"
UNITS = [SYSTEM / name for name in ("earshot-slot.service", "earshot-trial.service", "earshot-update.service")]

each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)


def run(*arguments):
    return subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False, timeout=60)


def test_systemd_finds_nothing_wrong(tmp_path):
    for unit in (*UNITS, SYSTEM / "earshot-update.path"):
        text = unit.read_text().replace(SLOT, "/bin/true").replace("earshot-data.service", "")
        (tmp_path / unit.name).write_text(text)
    for unit in tmp_path.iterdir():
        said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=one", unit)
        assert (said.returncode, said.stdout, said.stderr) == (0, "", ""), unit.name


@each_unit
def test_what_it_may_do_is_little(unit):
    said = run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit)
    assert said.returncode == 0, said.stdout


@each_unit
def test_it_runs_the_one_script_with_a_word_that_it_knows(unit):
    lines = [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith("Exec")]
    script = (SYSTEM.parents[2] / SLOT.lstrip("/")).read_text()
    for line in lines:
        program, word = line.split()
        assert program == SLOT
        assert f"\n    {word})\n" in script


def test_the_box_may_write_wishes_and_nothing_else_of_the_exchange():
    box = (ROOT / "systemd/earshot-box.service").read_text()
    assert "ReadWritePaths=-/run/earshot-update/ask\n" in box
    folders = [line.split() for line in (ROOT / "systemd/tmpfiles.d/earshot.conf").read_text().splitlines()]
    owners = {fields[1]: fields[2:5] for fields in folders if len(fields) > 4}
    assert owners["/run/earshot-update"] == ["0755", "root", "root"]
    assert owners["/run/earshot-update/ask"] == ["0770", "earshot-box", "root"]
    watched = (SYSTEM / "earshot-update.path").read_text()
    # A wish is whole when it has its name: what is being written begins with a dot.
    assert "PathExistsGlob=/run/earshot-update/ask/[a-z]*\n" in watched
