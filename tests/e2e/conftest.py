"""Fixtures of the end-to-end tests."""

import shutil

import pytest

from demo.chain import memory_folder


@pytest.fixture
def memory_path():
    """A private folder in shared memory, where an fsync costs nothing; removed at the end."""
    folder = memory_folder()
    yield folder
    shutil.rmtree(folder)
