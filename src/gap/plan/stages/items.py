"""Evaluation items: one file per task and split."""

from __future__ import annotations

from pathlib import Path

from gap.params.jobs import TaskJob
from gap.plan.code import code_version
from gap.plan.items import items_identity
from gap.plan.plan import Plan

CODE = ("gap.fetch.items",)


def key(plan: Plan, task: str, split: str) -> str:
    """Key of a task's items."""
    identity = items_identity(plan.study.items, task, split, plan.fingerprints)
    return plan.remember("items", task, split, items=identity, code=code_version(*CODE))


def path(plan: Plan, task: str, split: str) -> Path:
    """The fetched items."""
    return plan.data / "items" / f"{task}-{key(plan, task, split)}" / f"{split}.jsonl"


def job(plan: Plan, task: str, split: str) -> TaskJob:
    """Fetch a task's split."""
    return TaskJob(task=task, split=split, items=plan.study.items)


def flags(plan: Plan, pairs: list[tuple[str, str]]) -> list[str]:
    """Items of these (task, split) pairs as command-line flags."""
    return [f"--items={task}/{split}={path(plan, task, split)}" for task, split in pairs]
