"""A small model of each kind on disk, and what is run on it by one process and by several."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from tiny_fixtures import in_temporary_folder, model, one_thread, source, tokenizer

__all__ = ["in_temporary_folder", "model", "one_thread", "source", "tokenizer"]
