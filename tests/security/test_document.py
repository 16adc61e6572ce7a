"""docs/SECURITY.md names nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TEXT = (TESTS.parent / "docs/SECURITY.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_0-9]+/test_\w+\.py)(?:::(\w+))?`", TEXT)))


def test_it_names_proofs():
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "test"), NAMED, ids=str)
def test_a_proof_that_it_names_is_there(file, test):
    text = (TESTS / file).read_text("utf-8")
    assert f"def {test or 'test_'}" in text
