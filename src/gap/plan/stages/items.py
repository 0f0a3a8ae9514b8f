"""Evaluation items: one file per task and split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.digest import file_digest
from gap.fetch.source_file import source_file
from gap.params.items import Items, TaskJob
from gap.plan.code import code_version
from gap.plan.fingerprints import Fingerprints
from gap.plan.plan import Plan
from gap.tasks.lm_eval_config import lm_eval_version, read_config
from gap.tasks.registry import known_task
from gap.tasks.task import Task

CODE = ("gap.fetch.items",)


def key(plan: Plan, task: str, split: str) -> str:
    """Key of a task's items."""
    source = identity(plan.study.items, task, split, plan.fingerprints)
    return plan.remember("items", task, split, items=source, code=code_version(*CODE))


def path(plan: Plan, task: str, split: str) -> Path:
    """The fetched items."""
    return plan.data / "items" / f"{task}-{key(plan, task, split)}" / f"{split}.jsonl"


def job(plan: Plan, task: str, split: str) -> TaskJob:
    """Fetch a task's split."""
    return TaskJob(task=task, split=split, items=plan.study.items)


def flags(plan: Plan, pairs: list[tuple[str, str]]) -> list[str]:
    """Items of these (task, split) pairs as command-line flags."""
    return [f"--items={task}/{split}={path(plan, task, split)}" for task, split in pairs]


def identity(items: Items, task: str, split: str, fingerprints: Fingerprints) -> dict[str, Any]:
    """Kind and content of what will be read, and the version of the wording once it is not the first.

    Raises
    ------
    BadInput: the folder has no file for this task and split.
    Unavailable: the file lies in a mirror, none is configured, and ``sources.lock.json`` does not know it.
    """
    known = known_task(task)
    known_as = {"task": task, "split": split, **_source(items, known, split, fingerprints)}
    wording = code_version(known.module) if known.module else "v1"
    return known_as if wording == "v1" else known_as | {"wording": wording}


def _source(items: Items, task: Task, split: str, fingerprints: Fingerprints) -> dict[str, Any]:
    """The digest of the file, the pinned revision, or lm-eval's version and files."""
    source = task.lm_eval_source
    if source is not None:
        version = lm_eval_version()
        name = f"lm-eval {version}: {source.include}#{source.name}"
        return {"kind": "lm_eval", "version": version, "files": fingerprints.named(name, lambda: read_config(source).files)}
    if split in task.files:
        return {"kind": "file", "content": fingerprints.of(task.files[split])}
    if items.kind == "hub":
        return {"kind": "hub", "hub": repr(task.hub), "upstream": list(task.upstream)}
    if items.kind == "miniature":
        return {"kind": "miniature", "content": file_digest(source_file(items, task, split))}
    name = f"{items.path}#{task.name}/{split}"
    return {"kind": "folder", "content": fingerprints.named(name, lambda: {"items": source_file(items, task, split)})}
