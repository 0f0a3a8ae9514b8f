"""The tasks by name: those that the modules of ``gap.tasks.catalogue`` register, and any of lm-eval's as ``lm_eval:NAME``.

A light module: no heavy imports; a file is read only for names of lm-eval's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from gap.core.errors import BadInput
from gap.core.registry import import_modules
from gap.tasks.lm_eval_config import PREFIX, document, lm_eval_task
from gap.tasks.task import SPLITS, Task, Wording


class TaskRegistry(Mapping[str, Task]):
    """Task by name, in the order of the names; the modules are imported when a name is first looked up."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._registered: dict[str, Task] = {}

    def register(self, task: Task) -> Callable[[Wording], Wording]:
        """Offer ``task``, worded by the decorated function.

        Raises
        ------
        BadInput: the name is taken or does not fit into file names, there is another split than validation and test, or an answer is to
            end at the empty text.
        """
        splits = tuple(task.files) or task.splits

        def add(wording: Wording) -> Wording:
            where = f"task {task.name!r}, registered for {wording.__module__}.{wording.__qualname__}"
            if task.name in self._registered or not re.fullmatch("[a-z][a-z0-9_]*", task.name):
                allowed = f"a new name of small letters, digits and _, a letter first; taken are {sorted(self._registered)}"
                raise BadInput(where, f"the name {task.name!r}", allowed, "Rename the new one.")
            if not set(splits) <= set(SPLITS):
                raise BadInput(where, f"the splits {list(splits)}", f"{' and '.join(SPLITS)}", "Correct `files` or `splits`.")
            if not task.stop:
                raise BadInput(where, "the stop text ''", "text that ends an answer", "Leave `stop` out, or name such a text.")
            self._registered[task.name] = replace(
                task,
                label=task.label or task.name,
                splits=splits,
                columns=task.columns or tuple(task.fields),
                folder=task.folder or task.name,
                wording=wording,
                module="" if wording is document else wording.__module__,  # document is code of stages, as for lm_eval:NAME
            )
            return wording

        return add

    @cached_property
    def entries(self) -> dict[str, Task]:
        """All registered tasks by name."""
        import_modules(self.package)
        return dict(sorted(self._registered.items()))

    def __getitem__(self, name: str) -> Task:
        return lm_eval_task(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


TASKS = TaskRegistry("gap.tasks.catalogue")


def known_task(name: str) -> Task:
    """The task called ``name``.

    Raises
    ------
    BadInput: there is none.
    """
    if name.startswith(PREFIX) or name in TASKS:
        return TASKS[name]
    allowed = f"one of {list(TASKS)}, or {PREFIX}NAME for a task of lm-eval's"
    raise BadInput("task", repr(name), allowed, "Correct the name.")


def task_card(task: Task) -> dict[str, Any]:
    """What tables and figures say of a task: label, group, metric, chance."""
    return {"label": task.label, "group": task.group, "metric": task.metric, "chance": task.chance}
