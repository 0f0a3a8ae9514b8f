"""Where the rows of a task lie: in the sets shipped here, or in a folder of the user's."""

from __future__ import annotations

from pathlib import Path

import gap.tasks
from gap.core.errors import BadInput
from gap.core.locations import existing
from gap.fetch.upstream import FOLDER
from gap.params.items import Items
from gap.tasks.task import Task

MINIATURE = Path(gap.tasks.__file__).with_name("miniature")


def source_file(items: Items, task: Task, split: str) -> Path:
    """The file that kinds ``miniature`` and ``folder`` read (it exists).

    A data folder holds ``tasks/`` (and perhaps the authors' repository), or is such a ``tasks`` folder itself.

    Raises
    ------
    BadInput: the folder has no file for this task and split.
    """
    root = MINIATURE if items.kind == "miniature" else existing(items.path or "")
    paths = [root / "tasks" / task.folder / f"{split}.jsonl", root / task.folder / f"{split}.jsonl"]
    upstream = dict(task.upstream).get(split)
    if task.prefer_upstream and upstream is not None:
        paths.insert(0, root / FOLDER / upstream)
    for path in paths:
        if path.is_file():
            return path
    where = f"items, task {task.name}, split {split}"
    if items.kind == "miniature":
        cure = "Leave the split out of evaluate.splits, or use items.kind: folder or hub."
        raise BadInput(where, "the sets shipped here have no such split", "['validation']", cure)
    absent = " nor ".join(str(path) for path in paths)
    raise BadInput(where, f"no file {absent}", "one of these files", "Correct items.path, or use items.kind: hub.")
