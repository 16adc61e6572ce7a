"""A seeded share of `./run torture`: see tests/torture/run.py for the whole."""

import pytest
from torture_run import torture


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_kills(tmp_path):
    result = torture(tmp_path, kills=7, seed=4)
    assert result["faults"] == []
    assert result["good"]
    assert result["kills"]["total"] >= 7
    assert result["fault_points_reached"]
    assert result["acknowledged"] > 0
    assert (result["lost"], result["twice"], result["wrong_sound"]) == (0, 0, 0)
    assert result["database_equals_undisturbed"]
