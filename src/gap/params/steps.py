"""Which steps of a run are scored (``evaluate.steps``); by itself, so that counting scores does not import all settings."""

from __future__ import annotations

from collections.abc import Sequence


def scored_steps(listed: Sequence[int], last: int) -> list[int]:
    """Those of the real steps 1 to ``last`` of a run that are ``listed``; all where none is."""
    return [step for step in listed or range(1, last + 1) if step <= last]
