"""The 12 tasks of the paper: names, splits, columns, and where the public data lies.

A light module: no heavy imports, no files read.  The order is that of ``params.study``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gap.params.study import CLASSIFICATION, DIALOGUE

TEXT = (str,)
CODE = (str, int)
LIST = (list,)
DICT = (dict,)


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
class Task:
    """One task.

    ``columns`` are the hub's columns in the order they are written; ``needed`` are those the protocol reads, with the
    types they may have; ``gold`` is the one that holds the answer.  ``folder`` is the task's place below a data folder.
    ``hub`` and ``upstream`` (a file of the authors' repository per split) say where kind ``hub`` gets the rows.
    """

    name: str
    label: str
    group: str
    metric: str
    chance: float
    splits: tuple[str, ...]
    folder: str
    columns: tuple[str, ...]
    needed: tuple[tuple[str, tuple[type, ...]], ...]
    gold: str
    hub: HubFiles | None = None
    upstream: tuple[tuple[str, str], ...] = ()

    @property
    def lm_eval(self) -> str:
        """Name of the task in lm-eval."""
        return f"gap_{self.name}"


def _choice(
    name: str,
    label: str,
    choices: int,
    folder: str,
    columns: str,
    needed: tuple[tuple[str, tuple[type, ...]], ...],
    hub: HubFiles | None,
    splits: tuple[str, ...] = ("validation",),
    upstream: tuple[tuple[str, str], ...] = (),
) -> Task:
    """A multiple-choice task; the last needed column holds the answer."""
    names = tuple(columns.split())
    return Task(name, label, "classification", "acc", 1 / choices, splits, folder, names, needed, needed[-1][0], hub, upstream)


def _dialogue(name: str, label: str) -> Task:
    """A dialogue set of the authors' repository."""
    splits = ("validation", "test")
    files = tuple((split, f"data/{split}_data/{name}.json") for split in splits)
    columns, needed = ("index", "text"), (("text", LIST),)
    return Task(name, label, "dialogue", "f1", 0.0, splits, f"dialogue/{name}", columns, needed, "text", upstream=files)


def _arc(name: str, label: str, config: str) -> Task:
    """One of the two ARC sets; items without exactly four choices are dropped by the protocol."""
    hub = HubFiles("allenai/ai2_arc", "210d026faf9955653af8916fad021475a3f00453", config + "/{split}-00000-of-00001.parquet")
    needed = (("question", TEXT), ("choices", DICT), ("answerKey", CODE))
    return _choice(name, label, 4, f"ai2_arc/{config}", "id question choices answerKey", needed, hub, ("validation", "test"))


_ALL = [
    _choice(
        "piqa", "PIQA", 2, "piqa", "goal sol1 sol2 label",
        (("goal", TEXT), ("sol1", TEXT), ("sol2", TEXT), ("label", CODE)),
        HubFiles("baber/piqa", "142f6d7367fd9877f0fb3b5734ea6a545f54cdd1", "piqa_{split}.parquet"),
    ),
    _choice(
        "hellaswag", "HellaSwag", 4, "hellaswag", "ind activity_label ctx_a ctx_b ctx endings source_id split split_type label",
        (("ctx", TEXT), ("endings", LIST), ("label", CODE)),
        HubFiles("Rowan/hellaswag", "218ec52e09a7e7462a5400043bb9a69a41d06b76", "data/{split}-00000-of-00001.parquet"),
    ),
    _arc("arc_easy", "ARC-Easy", "ARC-Easy"),
    _arc("arc_challenge", "ARC-Challenge", "ARC-Challenge"),
    _choice(
        "copa", "COPA", 2, "super_glue/copa", "premise choice1 choice2 question idx label",
        (("premise", TEXT), ("choice1", TEXT), ("choice2", TEXT), ("label", CODE)),
        HubFiles("aps/super_glue", "3de24cf8022e94f4ee4b9d55a6f539891524d646", "copa/{split}-00000-of-00001.parquet"),
    ),
    _choice(
        # every size of WinoGrande (the authors name winogrande_s) has the same validation file
        "winogrande", "WinoGrande", 2, "winogrande", "sentence option1 option2 answer",
        (("sentence", TEXT), ("option1", TEXT), ("option2", TEXT), ("answer", CODE)),
        HubFiles("allenai/winogrande", "01e74176c63542e6b0bcb004dcdea22d94fb67b5", "winogrande_xl/{split}-00000-of-00001.parquet"),
    ),
    _choice(
        "math_qa", "MathQA", 5, "math_qa", "Problem Rationale options correct annotated_formula linear_formula category",
        (("Problem", TEXT), ("options", TEXT), ("correct", TEXT)),
        HubFiles("allenai/math_qa", "fafb9f7ee5b9ec4da9499f9c4177a4c91389f2d6", "default/{split}/0000.parquet"),
        ("validation", "test"),
    ),
    _choice(
        # the authors' own 500 rows with their `abstract` column, not the hub's pqa_labeled
        "pubmed_qa", "PubMedQA", 3, "pubmed_qa", "pubid question abstract long_answer final_decision",
        (("abstract", TEXT), ("question", TEXT), ("final_decision", TEXT)),
        None,
        upstream=(("validation", "data/validation_data/pubmed_qa.csv"),),
    ),
    _dialogue("blended_skill_talk", "Blended Skill Talk"),
    _dialogue("empathetic_dialogues", "Empathetic Dialogues"),
    _dialogue("wizard_of_internet", "Wizard of Internet"),
    _dialogue("wizard_of_wikipedia", "Wizard of Wikipedia"),
]  # fmt: skip

TASKS: dict[str, Task] = {name: next(task for task in _ALL if task.name == name) for name in CLASSIFICATION + DIALOGUE}
