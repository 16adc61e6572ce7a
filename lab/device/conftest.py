"""The counter of the device suite: made once, put into its usual state before each test."""

import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Behind everything that is installed: what runs here is the box's own installation.
sys.path += [str(ROOT), str(ROOT / "tests" / "support")]

from broker import running_broker  # noqa: E402
from fake_bridge import FakeBridge  # noqa: E402

from lab.device.board import Board  # noqa: E402
from lab.device.counter import NAME, SITE, Counter  # noqa: E402
from lab.device.gadget import Keypad  # noqa: E402
from lab.device.installation import BOX, EAR, Installation, box_toml  # noqa: E402
from lab.device.loopback import Card  # noqa: E402

LAB = Path("/run/earshot-lab")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed and "counter" in item.funcargs:
        counter = item.funcargs["counter"]
        seconds = time.monotonic() - item.stash[_BEGUN]
        report.sections.append(("what the units said", counter.box.story(seconds + 5)))
    return report


_BEGUN = pytest.StashKey[float]()


def pytest_runtest_setup(item):
    item.stash[_BEGUN] = time.monotonic()


@pytest.fixture(scope="session")
def board():
    with Board(LAB) as board:
        yield board


@pytest.fixture(scope="session")
def card():
    return Card()


@pytest.fixture(scope="session")
def keypad():
    with Keypad(0, "Button", "LAB1") as keypad:
        yield keypad


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    with running_broker(tmp_path_factory.mktemp("broker"), [(SITE, NAME)]) as broker:
        yield broker


@pytest.fixture(scope="session")
def bridge(broker):
    with FakeBridge(broker) as bridge:
        yield bridge


@pytest.fixture(scope="session")
def installation(board, broker, keypad):
    installed = Installation(board.cpuinfo)
    installed.forget()
    installed.configure(
        box_toml(site=SITE, name=NAME, port=broker.port, keypad=keypad.by_id),
        broker.accounts[f"{SITE}/{NAME}"],
    )
    yield installed
    installed.stop(BOX, EAR)


@pytest.fixture
def counter(installation, bridge, board, card, keypad):
    """The counter at work: every device there, both units active, sound flowing, the bridge online."""
    if not card.plugged:
        card.plug()
    if not keypad.by_id.exists():
        keypad.plug()
    bridge.online(True)
    installation.start(EAR, BOX)
    installation.wait_for_sound()
    return Counter(installation, bridge, board, card, keypad)


@pytest.fixture
def say(request):
    """`say(text)` tells what a test has seen, at once and whether it passes or not."""
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def tell(*parts):
        for line in " ".join(map(str, parts)).splitlines():
            reporter.write_line(f"      {line}")

    return tell
