"""A tiny tokenizer, made once."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from synthetic_fixtures import plan
from tiny_fixtures import in_temporary_folder, one_thread, source, tokenizer

__all__ = ["in_temporary_folder", "one_thread", "plan", "source", "tokenizer"]
