"""What identifies a task's items."""

from __future__ import annotations

from typing import Any

from gap.core.digest import file_digest
from gap.fetch.items import source_file
from gap.params.methods import Items
from gap.plan.fingerprints import Fingerprints
from gap.tasks.registry import TASKS


def items_identity(items: Items, task: str, split: str, fingerprints: Fingerprints) -> dict[str, Any]:
    """Kind and content: the digest of the file that will be read, or the pinned revision.

    Raises
    ------
    BadInput: the folder has no file for this task and split.
    Unavailable: the folder lies in a mirror, none is configured, and ``sources.lock.json`` does not know the file.
    """
    entry = TASKS[task]
    identity: dict[str, Any] = {"kind": items.kind, "task": task, "split": split}
    if items.kind == "hub":
        return identity | {"hub": repr(entry.hub), "upstream": list(entry.upstream)}
    if items.kind == "miniature":
        return identity | {"content": file_digest(source_file(items, entry, split))}
    name = f"{items.path}#{task}/{split}"
    return identity | {"content": fingerprints.named(name, lambda: {"items": source_file(items, entry, split)})}
