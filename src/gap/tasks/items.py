"""Items: fetched rows in the protocol's wording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from gap.core.checksums import check_record
from gap.core.digest import digest
from gap.core.errors import BadInput
from gap.core.files import read_jsonl
from gap.tasks.dialogue import STOP
from gap.tasks.registry import known_task
from gap.tasks.task import Row, Task

CURE = "Mend that line, or the module of the task; fetched items can be fetched again."


@dataclass(frozen=True)
class MultipleChoice:
    """A context, its continuations (with their own leading spaces) and the index of the right one.

    With one continuation the question is whether greedy decoding gives it (lm-eval's output type loglikelihood).
    """

    context: str
    continuations: tuple[str, ...]
    gold: int

    @cached_property
    def hash(self) -> str:
        """Digest of everything that is scored."""
        return digest([self.context, self.continuations, self.gold])


@dataclass(frozen=True)
class Dialogue:
    """A prompt, the answer that was given (it follows after a space), and the text that ends an answer.

    In a dialogue the prompt ends with the speaker's name, and the next speaker's ends the answer.
    """

    prompt: str
    reference: str
    stop: str = STOP

    @cached_property
    def hash(self) -> str:
        """Digest of prompt and reference, and of another stop text than dialogue's."""
        return digest([self.prompt, self.reference] if self.stop == STOP else [self.prompt, self.reference, self.stop])


Item = MultipleChoice | Dialogue


def load_items(task: str, path: Path, limit: int) -> list[Item]:
    """The first ``limit`` items that the protocol keeps, in file order.

    ``path`` is JSONL in the task's columns.  ARC rows without exactly four choices and one-turn dialogues are dropped.

    Raises
    ------
    BadInput: unknown task; a missing field, a value of the wrong type, an answer that is not among the choices, an empty
        continuation (naming file, line and field); no item left; a file that its provenance record does not know.
    """
    items = [item for _, item in islice(kept_rows(known_task(task), path), limit)]
    if not items:
        raise BadInput(str(path), f"no item of {task} that the protocol keeps", "at least one", "Fetch the items again.")
    return items


def kept_rows(task: Task, path: Path) -> Iterator[tuple[Row, Item]]:
    """The rows of a JSONL file that the protocol keeps, each with its item, in file order."""
    check_record(path)
    for number, row in enumerate(read_jsonl(path), 1):
        item = make_item(task, row, f"{path}, line {number}")
        if item is not None:
            yield row, item


def make_item(task: Task, row: Row, where: str) -> Item | None:
    """The item of a row, or None where the protocol drops it.

    Raises
    ------
    BadInput: the row lacks a field that the wording reads, holds another type there, or cannot be worded; the wording gives something
        else than the task's output type asks for.
    """
    _check_fields(task, row, where)
    try:
        worded: Any = task.wording(row)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise BadInput(where, f"cannot be worded as an item of {task.name} ({error})", "the hub's columns", CURE) from error
    generated = task.output_type == "generate_until"
    match worded:
        case None:
            return None
        case str(prompt), str(reference) if generated:
            return Dialogue(prompt, reference, task.stop)
        case str(context), list(continuations) | tuple(continuations), int(gold) if not generated:
            pass
        case _:
            allowed = "prompt and reference answer" if generated else "context, a tuple of continuations, and the index of the right one"
            raise BadInput(where, f"worded as {worded!r} by task {task.name}", f"{allowed}, for {task.output_type}", CURE)
    if not 0 <= gold < len(continuations):
        found = f"{row[task.gold]!r}, of which the wording makes the index {gold}"
        raise BadInput(f"{where}, field {task.gold!r}", found, f"an answer with an index from 0 to {len(continuations) - 1}", CURE)
    if task.output_type == "multiple_choice" and len(continuations) < 2:
        found = f"one choice, {list(continuations)}, which is always right"
        raise BadInput(where, found, "two choices or more, or output_type loglikelihood", CURE)
    if not all(isinstance(text, str) and text.strip() for text in continuations):
        raise BadInput(where, f"an empty continuation among {list(continuations)}", "text in every choice", CURE)
    return MultipleChoice(context, tuple(continuations), gold)


def _check_fields(task: Task, row: Row, where: str) -> None:
    for field, expected in task.fields.items():
        if field not in row:
            found = f"no such field among {list(row)}"
            raise BadInput(f"{where}, field {field!r}", found, f"a row with the fields {list(task.fields)}", CURE)
        if not expected.holds(row[field]):
            found = f"{type(row[field]).__name__} {str(row[field])[:60]!r}"
            raise BadInput(f"{where}, field {field!r}", found, expected.name, CURE)
