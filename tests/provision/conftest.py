"""A card with its two partitions, as folders."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from card import Card


@pytest.fixture
def tmp_path():
    # In memory where that is possible: the steps to durability are counted, not waited for.
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def card(tmp_path):
    return Card(tmp_path)
