"""What a task is: its name, where its rows are, which columns are read, and how a row becomes an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gap.tasks.dialogue import STOP

Row = dict[str, Any]
#: context, continuations (each with its own leading space), index of the right one
Choices = tuple[str, tuple[str, ...], int]
#: prompt, reference answer
Exchange = tuple[str, str]
#: A row in the task's columns -> its wording; None where the protocol drops the row; ``ValueError`` where it cannot be worded.
Wording = Callable[[Row], Choices | Exchange | None]
#: lm-eval's names.  multiple_choice: the likeliest continuation; loglikelihood: whether the one continuation is what greedy decoding
#: gives; generate_until: unigram F1 of the greedy answer.
OutputType = Literal["multiple_choice", "loglikelihood", "generate_until"]
#: Splits that a study can ask for.
SPLITS = ("validation", "test")


@dataclass(frozen=True)
class FieldType:
    """What a column may hold: ``holds`` says whether a value is such, ``name`` is what an error calls it."""

    name: str
    holds: Callable[[Any], bool]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


TEXT = FieldType("text", lambda value: isinstance(value, str))
#: An answer: its text, letter or index.
LABEL = FieldType("text or a whole number", lambda value: isinstance(value, str | int) and not isinstance(value, bool))
TEXTS = FieldType("a list of texts", _is_texts)
#: ARC's choices: their texts and their labels, as two lists of one length.
CHOICES = FieldType(
    "{text: a list of texts, label: a list of as many}",
    lambda value: (
        isinstance(value, dict)
        and all(_is_texts(value.get(key)) for key in ("text", "label"))
        and len(value["text"]) == len(value["label"])
    ),
)


@dataclass(frozen=True)
class HubFiles:
    """Parquet files of a hub data set, one per split, at a pinned commit.

    ``revision`` is the commit (40 hex digits), or None where no commit is known that can be relied on: fetching then
    asks the user for a copy on disk instead of reading a moving name.
    """

    dataset: str
    revision: str | None
    path: str

    def file(self, split: str) -> str:
        """Path of a split's file inside the data set's repository."""
        return self.path.format(split=split)


@dataclass(frozen=True)
class LmEvalSource:
    """A task of lm-eval by its name there; ``include``: a folder of more tasks (its ``--include_path``), ``mirror:`` allowed."""

    name: str
    include: str = ""


@dataclass(frozen=True)
class Task:
    """One task.  ``gap.tasks.registry`` fills in what is left out.

    Parameters
    ----------
    name: in params.yaml, file names and tables; small letters, digits and ``_``.
    label: name in figures; the name where empty.
    fields: the columns that the wording reads, with their types; the last one holds the answer.
    chance: accuracy of guessing; 0 where it is not known or there is none.
    output_type: what is scored.  Averages are taken over all generate_until tasks, and over all others.
    splits: those it has; of ``files`` where they are given.
    columns: what is kept of a row, in this order; the fields where empty.
    folder: of the task inside a data folder (items of kind folder or miniature); the name where empty.
    files: split -> a JSONL, Parquet or CSV file (``mirror:`` allowed), which is read whatever the kind of items.
    hub, upstream: for items of kind hub: Parquet on the hub, or (split, file of the authors' repository).
    prefer_upstream: whether items of kind folder are the authors' file where the folder has it.
    lm_eval_source: the task of lm-eval whose documents these are.
    stop: text that ends an answer (generate_until).
    wording, module: the registered function, and the module that holds it; empty for lm-eval's documents.
    """

    name: str
    label: str = ""
    fields: Mapping[str, FieldType] = field(default_factory=dict)
    chance: float = 0.0
    output_type: OutputType = "multiple_choice"
    splits: tuple[str, ...] = ("validation",)
    columns: tuple[str, ...] = ()
    folder: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    hub: HubFiles | None = None
    upstream: tuple[tuple[str, str], ...] = ()
    prefer_upstream: bool = False
    lm_eval_source: LmEvalSource | None = None
    stop: str = STOP
    wording: Wording = lambda row: None
    module: str = ""

    @property
    def group(self) -> str:
        """The group whose average it counts in: classification (accuracy) or dialogue (F1)."""
        return "dialogue" if self.output_type == "generate_until" else "classification"

    @property
    def metric(self) -> str:
        """Name of its metric: acc or f1."""
        return "f1" if self.output_type == "generate_until" else "acc"

    @property
    def gold(self) -> str:
        """The column that holds the answer."""
        return list(self.fields)[-1]

    @property
    def lm_eval(self) -> str:
        """Its name as a task that is exported for lm-eval."""
        return f"gap_{self.name}"
