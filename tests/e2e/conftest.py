"""Fixtures of the end-to-end tests."""

import shutil

import pytest
from real_run import Run

from demo.chain import memory_folder


@pytest.fixture
def memory_path():
    """A private folder in shared memory, where an fsync costs nothing; removed at the end."""
    folder = memory_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A finished run of real processes, which are still there."""
    memory = memory_folder()
    made = Run(tmp_path_factory.mktemp("chain"), memory)
    try:
        made.make()
        yield made
    finally:
        made.chain.stop()
        shutil.rmtree(memory)
