"""What every test shares: the path to tests/support and hypothesis' profiles."""

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "support"))

# A shared two-core machine makes deadlines lie; a failing example is printed with its reproduction instead.
settings.register_profile("earshot", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
# The same examples on every run: a red build means that the code changed.
settings.register_profile("ci", settings.get_profile("earshot"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "earshot")
