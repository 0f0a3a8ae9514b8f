"""Hooks of the lm-eval tasks beside this file: they word and judge items by the project's own functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from datasets import Dataset

from gap.tasks.dialogue import cut, unigram_f1
from gap.tasks.items import make_item
from gap.tasks.registry import TASKS
from gap.tasks.task import Task


def _documents(task: Task) -> Callable[[Dataset], Dataset]:
    def process_docs(rows: Dataset) -> Dataset:
        items = [make_item(task, row, f"{task.lm_eval}, row {number}") for number, row in enumerate(rows, 1)]
        return Dataset.from_list([asdict(item) for item in items if item is not None])

    return process_docs


def score_answer(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """Unigram F1 of the greedy answer."""
    return {"f1": unigram_f1(cut(results[0], doc["stop"]), doc["reference"])}


def __getattr__(name: str) -> Callable[[Dataset], Dataset]:
    """``utils.<task>``: what makes that task's documents."""
    if name not in TASKS:
        raise AttributeError(name)
    return _documents(TASKS[name])
