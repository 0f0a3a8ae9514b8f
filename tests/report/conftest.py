"""The made-up study with its light tables, built once."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from synthetic_fixtures import plan

__all__ = ["plan"]
