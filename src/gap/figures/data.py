"""What the figures and tables draw, read from the light outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gap.aggregate.estimates import AVERAGE, CELL
from gap.aggregate.study_index import ALL, BASE, METRIC, StudyIndex, study_index
from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.figures.labels import AXIS_LABEL as AXIS_LABEL
from gap.figures.labels import GROUP_LABEL as GROUP_LABEL
from gap.figures.labels import POINTS as POINTS

if TYPE_CHECKING:
    import pandas as pd

#: (model, method, corpus, group, task, policy) -> row of estimates.csv.
Cells = dict[tuple[str, str, str, str, str, str], dict[str, Any]]
#: (model, corpus, group, policy, feature) -> row of familiarity.csv, of the study's own method.
Relations = dict[tuple[str, str, str, str, str], dict[str, Any]]


@dataclass(frozen=True)
class Data:
    """The light tables of a study.

    ``steps`` are the group averages of every run and step, ``runs`` the rows of gain_by_run.csv (both of the study's own
    method alone; ``all_runs`` of every method), ``contrasts`` those of contrasts.csv, and ``baselines`` maps (model, task or group) to the unmodified
    model's score; all on the first split, as fractions.
    """

    study: StudyIndex
    selections: pd.DataFrame
    estimates: Cells
    steps: pd.DataFrame
    runs: pd.DataFrame
    all_runs: pd.DataFrame
    contrasts: pd.DataFrame
    pretraining: pd.DataFrame
    familiarity: Relations
    baselines: dict[tuple[str, str], float]

    def estimate(
        self, model: str, group: str, policy: str, corpus: str = ALL, task: str = AVERAGE, method: str = ""
    ) -> dict[str, Any] | None:
        """The row of the estimates for one cell, of the study's own method where none is named; None when it has no runs."""
        return self.estimates.get((model, method or self.study.primary, corpus, group, task, policy))

    def relation(self, model: str, corpus: str, group: str, policy: str, feature: str) -> dict[str, Any] | None:
        """How a feature of the texts goes with the gain, None where no run was related."""
        return self.familiarity.get((model, corpus, group, policy, feature))

    def chosen(self, model: str, group: str, policy: str, corpus: str = ALL, method: str = "") -> pd.DataFrame:
        """Selections of one cell, one row per run, in the order of the texts; of the study's own method where none is named."""
        wanted = {"model": model, "method": method or self.study.primary, "group": group, "policy": policy}
        return _where(self.selections, **wanted | ({} if corpus == ALL else {"corpus": corpus})).sort_values("text", kind="stable")


def load(plan: dict[str, Any]) -> Data:
    """Read the light tables that the plan names.

    Raises
    ------
    BadInput: one of them is missing.
    """
    study = study_index(plan)
    wanted = [*METRIC, *study.tasks("all")]
    columns = ["model", "method", "corpus", "run", "step", "task", "metric", "value"]
    scores = read_table(study.path("run_scores"), "run_scores", columns, [("split", "==", study.split), ("task", "in", wanted)])
    scores = scores[scores["metric"] != "nll"]
    base = scores[scores["run"] == BASE]
    baselines = {(str(model), str(task)): float(value) for model, task, value in base[["model", "task", "value"]].itertuples(index=False)}
    runs = read_csv(study, "plot_runs")
    cells: list[Any] = read_csv(study, "estimates").to_dict("records")
    return Data(
        study=study,
        selections=read_table(study.path("selections"), "selections"),
        estimates={tuple(row[key] for key in CELL): row for row in cells},
        steps=scores[scores["task"].isin(METRIC) & (scores["method"] == study.primary)],
        runs=_where(runs, method=study.primary),
        all_runs=runs,
        contrasts=read_csv(study, "contrasts"),
        pretraining=read_csv(study, "plot_pretraining"),
        familiarity=_relations(study),
        baselines=baselines,
    )


def read_csv(study: StudyIndex, name: str) -> pd.DataFrame:
    """A light CSV by its name in the plan."""
    import pandas as pd

    try:
        return pd.read_csv(study.path(name), keep_default_na=False, na_values=[""])
    except (FileNotFoundError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        where = str(study.path(name))
        raise BadInput(where, f"not a readable CSV ({error})", "what gap aggregate writes", "Run gap aggregate again.") from error


def _relations(study: StudyIndex) -> Relations:
    rows: list[Any] = read_csv(study, "familiarity").to_dict("records")
    first = study.runs[0]["method"] if study.runs else ""
    keys = ("model", "corpus", "group", "policy", "feature")
    return {tuple(str(row[key]) for key in keys): row for row in rows if row["method"] == first}  # type: ignore[misc]


def _where(rows: pd.DataFrame, **wanted: str) -> pd.DataFrame:
    """The rows whose columns have these values."""
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows
