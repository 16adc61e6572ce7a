"""`./run torture`: kills every process under a stream of presses and counts what is lost."""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from torture_run import torture

import cloud_bridge.faultpoint
import edge.faultpoint

# Every fault point, and half as many kills at random instants.
DEFAULT_KILLS = (len(edge.faultpoint.NAMES) + len(cloud_bridge.faultpoint.NAMES)) * 3 // 2 + 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=DEFAULT_KILLS, help=f"how many kills ({DEFAULT_KILLS})")
    parser.add_argument("--seed", type=int, default=None, help="the same seed chooses the same kills")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs, databases and sound")
    options = parser.parse_args()
    if options.kills < 2:
        parser.error("--kills has to be at least 2")
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="earshot-torture-"))
    try:
        result = torture(folder, options.kills, seed)
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for fault in result.pop("faults"):
        print(f"torture: {fault}", file=sys.stderr)
    print(f"torture: kills by process: {result['kills']}", file=sys.stderr)
    print(json.dumps(result))
    return 0 if result["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
