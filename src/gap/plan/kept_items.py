"""Evaluation items outside a study: fetched once, kept under the digest of what they are read from."""

from __future__ import annotations

from pathlib import Path

from gap.core.checksums import record_of
from gap.core.digest import digest
from gap.fetch.items import fetch_items
from gap.params.evaluate import ScoredTask
from gap.params.items import Items, TaskJob
from gap.plan.code import code_version
from gap.plan.fingerprints import Fingerprints
from gap.plan.stages.items import CODE, identity

#: What `gap score` and `gap.api` keep: items, models of the hub and of GGUF files, scores.
ROOT = Path(".gap/score")


def kept_items(scored: ScoredTask, items: Items, fingerprints: Fingerprints) -> Path:
    """The items of a task's split (JSONL), fetched where they are not there yet.

    Their path holds the digest of what they are read from, as in the pipeline.

    Raises
    ------
    BadInput: an unknown split, no such file, or a row that cannot be read.
    Unavailable: the hub or the mirror is out of reach.
    """
    key = digest([identity(items, scored.task, scored.split, fingerprints), code_version(*CODE)])
    path = ROOT / "items" / f"{scored.task.replace(':', '-')}-{key}" / f"{scored.split}.jsonl"
    if not (path.exists() and record_of(path).exists()):
        fetch_items(TaskJob(task=scored.task, split=scored.split, items=items), path)
    return path
