"""What the kernel is asked for, in which order: nothing is receipted before it is on the disk."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "order_of_syncs.py"
CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; ./run test installs it")
def test_receipts_follow_the_syncs_of_what_they_promise(tmp_path):
    log = tmp_path / "calls"
    traced = ["strace", "-f", "-y", "-s", "100", "-e", f"trace={CALLS}", "-o", str(log)]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(
        [*traced, sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, check=False, env=environment
    )
    if b"PTRACE" in done.stderr or b"Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody trace a process")
    assert done.returncode == 0, done.stderr.decode()
    # "resumed" halves of interrupted calls only say that they returned.
    calls = [line for line in log.read_text().splitlines() if "resumed>" not in line]
    begin = next(n for n, line in enumerate(calls) if '"begin\\n"' in line)
    receipts = [n for n, line in enumerate(calls) if "receipt of " in line]
    kinds = [re.search("receipt of ([a-z]+)", calls[n])[1] for n in receipts]
    assert kinds == ["event", "event", *["chunk"] * kinds.count("chunk"), "track"]
    assert kinds.count("chunk") >= 2

    def last(pattern, start, end):
        found = [n for n in range(start, end) if re.search(pattern, calls[n])]
        assert found, f"no {pattern} in\n" + "\n".join(calls[start:end])
        return found[-1]

    wal_write, wal_sync = r"pwrite64\(.*bridge\.db-wal>", r"f(data)?sync\(.*bridge\.db-wal>"
    first, whole = receipts[0], receipts[-1]
    # The batch: written to the log, the log synced, then told.
    assert last(wal_write, begin, first) < last(wal_sync, begin, first) < first
    # The track: the sound in its place and synced, with its folder; then its row, synced; then told.
    told = receipts[-2]
    moved = last(r"(rename|link)[a-z0-9]*\(.*\.flac\"", told, whole)
    sound = last(r"fsync\(.*/blobs/tracks/site/box/[0-9a-f]{32}\.flac>", told, whole)
    folder = last(r"fsync\(.*/blobs/tracks/site/box>", told, whole)
    rows = [n for n in range(folder, whole) if re.search(wal_write, calls[n])]
    assert moved < sound < folder < rows[0] <= rows[-1] < last(wal_sync, folder, whole) < whole
