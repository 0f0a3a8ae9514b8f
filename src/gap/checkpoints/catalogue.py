"""All checkpoints of a study: every real step of every run, with its identity, digest and scores.

A checkpoint's id is its run and its step, ``<run>-<step>``; any unique prefix will do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.errors import BadInput
from gap.core.tables import RUN, read_table

if TYPE_CHECKING:
    import pandas as pd

#: The groups of tasks whose averages are listed, and the average of all tasks.
SCORES = ("dialogue", "classification", "all")
CURE = "Make the study first (snakemake --cores all), or pull it (dvc pull)."


@dataclass(frozen=True)
class Checkpoint:
    """One real step of a run.

    epoch: updates tried until then; distance: L2 norm of its change against the base weights; scores: average by group
    of tasks on the study's first split, as fractions (absent before evaluation).
    """

    id: str
    model: str
    method: str
    corpus: str
    text: int
    run: str
    step: int
    epoch: int
    digest: str
    distance: float
    scores: dict[str, float]

    def flat(self) -> dict[str, Any]:
        """One plain row."""
        row = asdict(self)
        return row | row.pop("scores")


@dataclass(frozen=True)
class Selection:
    """Which checkpoints to list; None takes all."""

    model: str | None = None
    method: str | None = None
    corpus: str | None = None
    text: int | None = None
    step: int | None = None
    last: bool = False  # the last step of each run only


def catalogue(plan: dict[str, Any]) -> list[Checkpoint]:
    """Every checkpoint of the study, in the order of the plan's runs.

    Raises
    ------
    BadInput: the study has no trajectories yet.
    """
    rows, scores = trajectories(plan), _scores(plan)
    return [
        Checkpoint(
            id=f"{row['run']}-{row['step']}",
            scores=scores.get((row["model"], row["run"], row["step"]), {}),
            **{name: row[name] for name in (*RUN, "step", "epoch", "digest", "distance")},
        )
        for row in rows[rows["real"]].to_dict("records")
    ]


def trajectories(plan: dict[str, Any]) -> pd.DataFrame:
    """Table ``trajectories`` of the study, runs in the plan's order.

    Raises
    ------
    BadInput: there is none.
    """
    path = Path(plan["light"]["trajectories"])
    if not path.exists():
        raise BadInput(str(path), "no such file", "the trajectories of the study", CURE)
    return read_table(path, "trajectories")


def _scores(plan: dict[str, Any]) -> dict[tuple[str, str, int], dict[str, float]]:
    """(model, run, step) -> average by group, on the first split; empty where nothing has been scored."""
    path = Path(plan["light"]["run_scores"])
    if not path.exists():
        return {}
    split = plan["study"]["evaluate"]["splits"][0]
    rows = read_table(path, "run_scores", filters=[("task", "in", list(SCORES)), ("split", "=", split), ("metric", "!=", "nll")])
    scores: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in rows.to_dict("records"):
        scores.setdefault((row["model"], row["run"], row["step"]), {})[row["task"]] = row["value"]
    return scores


def filtered(checkpoints: list[Checkpoint], selection: Selection, plan: dict[str, Any]) -> list[Checkpoint]:
    """The checkpoints of a selection.

    Raises
    ------
    BadInput: a model, method or corpus that the study does not have.
    """
    known = {
        "model": list(plan["models"]),
        "method": [entry["name"] for entry in plan["methods"]],
        "corpus": list(dict.fromkeys(entry["name"] for entry in plan["corpora"])),
    }
    for key, names in known.items():
        name = getattr(selection, key)
        if name is not None and name not in names:
            raise BadInput(f"--{key}", repr(name), f"one of {names}", "Correct the name.")
    last = {item.run: item.step for item in sorted(checkpoints, key=attrgetter("step"))}
    keys = ("model", "method", "corpus", "text", "step")
    matches = [item for item in checkpoints if all(getattr(selection, key) in (None, getattr(item, key)) for key in keys)]
    return [item for item in matches if not selection.last or item.step == last[item.run]]


def ordered(checkpoints: list[Checkpoint], by: str | None) -> list[Checkpoint]:
    """The highest score first; ties, and all where ``by`` is None, in the order given.

    Raises
    ------
    BadInput: no such score, or nothing has been scored.
    """
    if by is None:
        return checkpoints
    if by not in SCORES:
        raise BadInput("--sort", repr(by), f"one of {list(SCORES)}", "Correct the name.")
    scored = [item for item in checkpoints if by in item.scores]
    if checkpoints and not scored:
        raise BadInput(f"--sort {by}", "no checkpoint with such a score", "a study whose checkpoints are scored", CURE)
    return sorted(scored, key=lambda item: -item.scores[by])


def by_id(checkpoints: list[Checkpoint], prefix: str) -> Checkpoint:
    """The only checkpoint whose id is ``prefix`` or begins with it.

    Raises
    ------
    BadInput: none or several.
    """
    exact = [item for item in checkpoints if item.id == prefix]
    matches = exact or [item for item in checkpoints if item.id.startswith(prefix)]
    if len(matches) != 1:
        problem = "no checkpoint of the study" if not matches else f"the beginning of {len(matches)} checkpoints, {matches[0].id} the first"
        cure = "`gap checkpoints` lists them; it takes --plan for another study."
        raise BadInput(f"checkpoint {prefix!r}", problem, "the id of one", cure)
    return matches[0]
