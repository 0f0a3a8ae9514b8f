"""Items: fetched rows in the protocol's wording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.core.errors import BadInput
from gap.core.files import read_jsonl
from gap.tasks.dialogue import normalise_turn, prompt
from gap.tasks.formats import FORMATS
from gap.tasks.registry import TASKS, Task

CURE = "Fetch the items again, or mend that line."


@dataclass(frozen=True)
class MultipleChoice:
    """A context, its continuations (with their own leading spaces) and the index of the right one."""

    context: str
    continuations: tuple[str, ...]
    gold: int

    @cached_property
    def hash(self) -> str:
        """Digest of everything that is scored."""
        return digest([self.context, self.continuations, self.gold])


@dataclass(frozen=True)
class Dialogue:
    """A prompt that ends with the speaker's name, and the answer that was given."""

    prompt: str
    reference: str

    @cached_property
    def hash(self) -> str:
        """Digest of prompt and reference."""
        return digest([self.prompt, self.reference])


Item = MultipleChoice | Dialogue


def known_task(name: str) -> Task:
    """The task called ``name``.

    Raises
    ------
    BadInput: there is none.
    """
    if name not in TASKS:
        raise BadInput("task", repr(name), f"one of {list(TASKS)}", "Correct the name.")
    return TASKS[name]


def load_items(task: str, path: Path, limit: int) -> list[Item]:
    """The first ``limit`` items that the protocol keeps, in file order.

    ``path`` is JSONL in the hub's columns.  ARC rows without exactly four choices and one-turn dialogues are dropped.

    Raises
    ------
    BadInput: unknown task; a missing field, a value of the wrong type, an answer that is not among the choices, an empty
        continuation (naming file, line and field); no item left.
    """
    wanted = known_task(task)
    items: list[Item] = []
    for number, row in enumerate(read_jsonl(path), 1):
        if len(items) == limit:
            break
        where = f"{path}, line {number}"
        check_row(wanted, row, where)
        item = make_item(wanted, row, where)
        if item is not None:
            items.append(item)
    if not items:
        raise BadInput(str(path), f"no item of {task} that the protocol keeps", "at least one", "Fetch the items again.")
    return items


def check_row(task: Task, row: dict[str, Any], where: str) -> None:
    """Refuse a row that lacks a field the protocol reads, or holds something of another type there."""
    for field, types in task.needed:
        if field not in row:
            raise BadInput(f"{where}, field {field!r}", "no such field", f"a row with the fields {[name for name, _ in task.needed]}", CURE)
        if not isinstance(row[field], types):
            allowed = " or ".join(kind.__name__ for kind in types)
            found = f"{type(row[field]).__name__} {str(row[field])[:60]!r}"
            raise BadInput(f"{where}, field {field!r}", found, f"a value of type {allowed}", CURE)


def make_item(task: Task, row: dict[str, Any], where: str) -> Item | None:
    """The item of a checked row, or None where the protocol drops it."""
    if task.group == "dialogue":
        return _dialogue(row["text"], where)
    try:
        wording = FORMATS[task.name](row)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(where, f"cannot be worded as an item of {task.name} ({error})", "the hub's columns", CURE) from error
    if wording is None:
        return None
    context, continuations, gold = wording
    if not 0 <= gold < len(continuations):
        allowed = f"the answer of one of the {len(continuations)} choices"
        raise BadInput(f"{where}, field {task.gold!r}", repr(row[task.gold]), allowed, CURE)
    if not all(continuations):
        raise BadInput(where, f"an empty continuation among {list(continuations)}", "text in every choice", CURE)
    return MultipleChoice(context, continuations, gold)


def _dialogue(turns: list[Any], where: str) -> Dialogue | None:
    if not all(isinstance(turn, str) for turn in turns):
        raise BadInput(f"{where}, field 'text'", "a turn that is not text", "a list of texts", CURE)
    return Dialogue(prompt(turns[:-1]), normalise_turn(turns[-1])) if len(turns) > 1 else None
