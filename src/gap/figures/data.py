"""What the figures and tables draw, read from the light outputs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.aggregate.study_index import ALL, AVERAGE, BASE, ESTIMATE_KEYS, METRIC, StudyIndex, study_index
from gap.core.errors import BadInput
from gap.core.tables import RUN, read_table
from gap.figures.points import where

if TYPE_CHECKING:
    import pandas as pd

#: (model, method, corpus, group, task, policy) -> row of estimates.csv.
Estimates = dict[tuple[str, str, str, str, str, str], dict[str, Any]]
RELATION_KEYS = ("model", "corpus", "group", "policy", "feature")
#: Values of ``RELATION_KEYS`` -> row of familiarity.csv, of the study's own method.
Relations = dict[tuple[str, str, str, str, str], dict[str, Any]]


@dataclass(frozen=True)
class StudyData:
    """The light tables of a study that several figures draw; ``table`` reads any other.

    ``steps`` are the group averages of every run and step, ``runs`` the rows of gain_by_run.csv, and ``familiarity`` how
    the features of the texts go with the gains (all of the study's own method alone; ``all_runs`` are of every method).
    ``contrasts`` are the rows of contrasts.csv, and ``baselines`` maps (model, task or group) to the unmodified model's
    score; all on the first split, as fractions.  ``verdicts`` is the content of verdicts.json, empty where there is none.
    """

    study: StudyIndex
    selections: pd.DataFrame
    estimates: Estimates
    steps: pd.DataFrame
    runs: pd.DataFrame
    all_runs: pd.DataFrame
    contrasts: pd.DataFrame
    pretraining: pd.DataFrame
    familiarity: Relations
    baselines: dict[tuple[str, str], float]
    verdicts: dict[str, Any]

    @property
    def level(self) -> str:
        """Per cent of the intervals in the tables of ``gap estimate``, by the rules of verdicts.json; those of ``gap aggregate`` have 95."""
        return f"{100 * (1 - self.verdicts.get('rules', {}).get('alpha', 0.05)):g}"

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """A table of docs/tables.md that is a light output, by its name; only these columns where they are given."""
        return read_table(self.study.path(name), name, columns)

    def estimate(
        self, model: str, group: str, policy: str, corpus: str = ALL, task: str = AVERAGE, method: str = ""
    ) -> dict[str, Any] | None:
        """The row of the estimates for one cell, of the study's own method where none is named; None when it has no runs."""
        return self.estimates.get((model, method or self.study.primary, corpus, group, task, policy))

    def chosen(self, model: str, group: str, policy: str, corpus: str = ALL, method: str = "") -> pd.DataFrame:
        """Selections of one cell, one row per run, in the order of the texts; of the study's own method where none is named."""
        values = {"model": model, "method": method or self.study.primary, "group": group, "policy": policy}
        return where(self.selections, **values | ({} if corpus == ALL else {"corpus": corpus})).sort_values("text", kind="stable")


def load(plan: dict[str, Any]) -> StudyData:
    """Read the light tables that the plan names.

    Raises
    ------
    BadInput: one of them is missing.
    """
    study = study_index(plan)
    tasks = [*METRIC, *study.tasks("all")]
    columns = ["model", "method", "corpus", "run", "step", "task", "metric", "value"]
    scores = read_table(study.path("run_scores"), "run_scores", columns, [("split", "==", study.split), ("task", "in", tasks)])
    scores = scores[scores["metric"] != "nll"]
    base = scores[scores["run"] == BASE]
    baselines = {(str(model), str(task)): float(value) for model, task, value in base[["model", "task", "value"]].itertuples(index=False)}
    runs = read_csv(study, "plot_runs", RUN)
    relations = where(read_csv(study, "familiarity", (*RELATION_KEYS, "method")), method=study.primary)
    return StudyData(
        study=study,
        selections=read_table(study.path("selections"), "selections"),
        estimates=_by_keys(read_csv(study, "estimates", ESTIMATE_KEYS), ESTIMATE_KEYS),
        steps=scores[scores["task"].isin(METRIC) & (scores["method"] == study.primary)],
        runs=where(runs, method=study.primary),
        all_runs=runs,
        contrasts=read_csv(study, "contrasts", ("model", "method", "group", "policy")),
        pretraining=read_csv(study, "plot_pretraining", ("model",)),
        familiarity=_by_keys(relations, RELATION_KEYS),
        baselines=baselines,
        verdicts=read_optional(study.path("verdicts")),
    )


def read_optional(path: Path) -> dict[str, Any]:
    """A JSON file that may be missing, as in a clone that pulled the light results only; then empty."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def read_csv(study: StudyIndex, name: str, columns: Iterable[str]) -> pd.DataFrame:
    """A light CSV by its name in the plan; its rows are named by ``columns``.

    Raises
    ------
    BadInput: it is missing, not a CSV in UTF-8, or without one of the columns.
    """
    import pandas as pd

    allowed, cure = "what gap aggregate writes", "Run gap aggregate again."
    try:
        table = pd.read_csv(study.path(name), keep_default_na=False, na_values=[""])
    except (FileNotFoundError, ValueError) as error:  # pandas' own errors are ValueErrors
        found = "no such file" if isinstance(error, FileNotFoundError) else f"not a readable CSV ({error})"
        raise BadInput(str(study.path(name)), found, allowed, cure) from error
    if missing := [column for column in columns if column not in table]:
        raise BadInput(str(study.path(name)), f"no column {missing[0]!r}", allowed, cure)
    return table


def _by_keys(table: pd.DataFrame, keys: Sequence[str]) -> dict[Any, dict[str, Any]]:
    """The rows by their values of ``keys``."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    return {tuple(str(row[key]) for key in keys): row for row in rows}
