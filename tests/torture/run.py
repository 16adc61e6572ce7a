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
    parser.add_argument("--kills", type=int, help=f"how many kills ({DEFAULT_KILLS}; with --every-point 0 more)")
    parser.add_argument("--every-point", action="store_true", help="kill once at each fault point, in its situation")
    parser.add_argument("--seed", type=int, default=None, help="the same seed chooses the same kills")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs, databases and sound")
    options = parser.parse_args()
    if options.kills is None:
        options.kills = 0 if options.every_point else DEFAULT_KILLS
    if options.kills < 2 and (options.kills or not options.every_point):
        parser.error("--kills has to be at least 2")
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="earshot-torture-"))
    try:
        result = torture(folder, options.kills, seed, every_point=options.every_point)
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
