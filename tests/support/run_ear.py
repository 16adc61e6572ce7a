"""A process that is the ear alone: `python run_ear.py CONFIG`, ended by SIGTERM."""

import logging
import signal
import sys
import threading
from pathlib import Path

from edge.config import load
from edge.ear import run_ear


def main():
    logging.basicConfig(level=logging.INFO)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    run_ear(load(Path(sys.argv[1])), stop)


if __name__ == "__main__":
    main()
