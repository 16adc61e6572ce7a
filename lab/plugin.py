"""The lab's part of pytest in the guest: its marker, the fixture `host`, figures that a test tells.

Loaded by `-p lab.plugin`; lab/device needs nothing of it but what it uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.host import Host


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "real_clock: needs the host's help or real time; all other tests run in virtual time"
    )


@pytest.fixture
def host() -> Iterator[Host]:
    """The host of this machine; for tests marked `real_clock`."""
    with Host() as found:
        yield found


@pytest.fixture
def figure(
    record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> Callable[[str, float, str], None]:
    """`figure(name, value, unit)`: a measured value that belongs into the lab's report."""

    def tell(name: str, value: float, unit: str) -> None:
        record_property("figure", f"{name}\t{value}\t{unit}")
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"      {name}: {value:.6g} {unit}")

    return tell
