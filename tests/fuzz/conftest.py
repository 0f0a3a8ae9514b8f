"""How many inputs: a few in every run of the tests, ``GAP_FUZZ`` of each kind where it is set (``make fuzz``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

MANY = int(os.environ.get("GAP_FUZZ", "0"))
#: The same inputs in every run of the tests; ``make fuzz`` draws its own.
settings.register_profile(
    "fuzz",
    max_examples=MANY or 25,
    derandomize=not MANY,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")
