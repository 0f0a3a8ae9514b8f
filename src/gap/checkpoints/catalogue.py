"""All checkpoints of a study: every real step of every run, with its identity, digest and scores.

A checkpoint's id is its run and its step, ``<run>-<step>``; any beginning that only one checkpoint has will do.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.errors import BadInput
from gap.core.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

#: The groups of tasks whose averages are listed, and the average of both.
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
class Wanted:
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
    rows = trajectories(plan)
    scores = _scores(plan)
    found = []
    for row in rows[rows["real"]].to_dict("records"):
        key = (row["model"], row["run"], row["step"])
        parts = {name: row[name] for name in ("model", "method", "corpus", "text", "run", "step", "epoch", "digest", "distance")}
        found.append(Checkpoint(id=f"{row['run']}-{row['step']}", **parts, scores=scores.get(key, {})))
    return found


def trajectories(plan: dict[str, Any]) -> pd.DataFrame:
    """Table ``trajectories`` of the study, runs in the plan's order.

    Raises
    ------
    BadInput: there is none.
    """
    place = Path(plan["light"]["trajectories"])
    if not place.exists():
        raise BadInput(str(place), "no such file", "the trajectories of the study", CURE)
    return read_table(place, "trajectories")


def _scores(plan: dict[str, Any]) -> dict[tuple[str, str, int], dict[str, float]]:
    """(model, run, step) -> average by group, on the first split; empty where nothing has been scored."""
    place = Path(plan["light"]["run_scores"])
    if not place.exists():
        return {}
    split = plan["study"]["evaluate"]["splits"][0]
    rows = read_table(place, "run_scores", filters=[("task", "in", list(SCORES)), ("split", "=", split), ("metric", "!=", "nll")])
    found: dict[tuple[str, str, int], dict[str, float]] = {}
    for row in rows.to_dict("records"):
        found.setdefault((row["model"], row["run"], row["step"]), {})[row["task"]] = row["value"]
    return found


def filtered(checkpoints: list[Checkpoint], wanted: Wanted, plan: dict[str, Any]) -> list[Checkpoint]:
    """Those that fit.

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
        asked = getattr(wanted, key)
        if asked is not None and asked not in names:
            raise BadInput(f"--{key}", repr(asked), f"one of {names}", "Correct the name.")
    last: dict[str, int] = {}
    for one in checkpoints:
        last[one.run] = max(one.step, last.get(one.run, 0))
    keys = ("model", "method", "corpus", "text", "step")
    fits = [one for one in checkpoints if all(getattr(wanted, key) in (None, getattr(one, key)) for key in keys)]
    return [one for one in fits if not wanted.last or one.step == last[one.run]]


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
    scored = [one for one in checkpoints if by in one.scores]
    if checkpoints and not scored:
        raise BadInput(f"--sort {by}", "no checkpoint with such a score", "a study whose checkpoints are scored", CURE)
    return sorted(scored, key=lambda one: -one.scores[by])


def by_id(checkpoints: list[Checkpoint], wanted: str) -> Checkpoint:
    """The one checkpoint whose id is ``wanted`` or begins with it.

    Raises
    ------
    BadInput: none or several.
    """
    exact = [one for one in checkpoints if one.id == wanted]
    found = exact or [one for one in checkpoints if one.id.startswith(wanted)]
    if len(found) != 1:
        held = "no checkpoint of the study" if not found else f"the beginning of {len(found)} checkpoints, {found[0].id} the first"
        raise BadInput(f"checkpoint {wanted!r}", held, "the id of one", "`gap checkpoints` lists them; it takes --plan for another study.")
    return found[0]
