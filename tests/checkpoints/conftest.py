"""A tiny tokenizer, model and study, made once."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from study import make_study
from tiny_fixtures import in_temporary_folder, model, one_thread, source, tokenizer

__all__ = ["in_temporary_folder", "model", "one_thread", "plan", "source", "study_once", "tokenizer"]


@pytest.fixture(scope="session")
def study_once(tmp_path_factory: pytest.TempPathFactory, model: Path) -> dict[str, Any]:
    return make_study(tmp_path_factory.mktemp("study"), model)


@pytest.fixture
def plan(study_once: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(study_once)
