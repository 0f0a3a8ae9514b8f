"""The stage: other metrics of the item scores that are stored, without a model.

Multiple choice: accuracy, accuracy by log-probability per character (``acc_norm`` of lm-eval), Brier score and calibration error.
Dialogue: F1, F1 at equal length, words of an answer, distinct-1 and distinct-2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gap.aggregate.scores import planned_rows
from gap.aggregate.selections import last_scored
from gap.aggregate.study_index import BASE, StudyIndex, study_index
from gap.core.errors import BadInput
from gap.core.files import write_text
from gap.core.progress import progress
from gap.core.tables import TABLES, read_table, write_table
from gap.estimate.item_metrics import brier_score, calibration_error, distinct, f1_at_equal_length, padded, softmax
from gap.stats.two_way import crossed_mean
from gap.tasks.items import Dialogue, Item, MultipleChoice, load_items

if TYPE_CHECKING:
    import pandas as pd

#: Metrics of each group, in the order of the tables.
METRICS = {
    "classification": ("acc", "acc_norm", "brier_score", "ece"),
    "dialogue": ("f1", "f1_equal_length", "words", "distinct_1", "distinct_2"),
}
#: Of all items together: none has a value for each item.
OF_ALL_ITEMS = ("ece", "distinct_1", "distinct_2")
#: The unmodified model's side of ``f1_equal_length``.
EQUAL, EQUAL_BASE = "f1_equal_length", "f1_equal_length_base"
#: Policies of the summary.
POLICIES = ("best", "last")
LEVEL = 0.95
COLUMNS = ["model", "method", "policy", "task", "metric", "runs", "items", "baseline", "value", "change", "low", "high"]
#: Metric -> a value per item [items], or one of all items [1].
Values = dict[str, np.ndarray]
#: (run, step) -> its values.
Checkpoints = dict[tuple[str, int], Values]


@dataclass(frozen=True)
class Cell:
    """The files of one model, task and split, and the task's items; ``last`` is the last step of each of the model's runs."""

    study: StudyIndex
    model: str
    task: str
    split: str
    paths: tuple[Path, ...]
    last: dict[str, int]
    items: list[Item]

    def checkpoints(self) -> Checkpoints:
        """Values of every planned run and step, the unmodified model's first.

        Raises
        ------
        BadInput: the unmodified model is missing, or a checkpoint was not scored on just these items.
        """
        unmodified = next((rows for path in self.paths if len(rows := self._read(path, [("run", "==", BASE)]))), None)
        if unmodified is None:
            raise BadInput(self._named(BASE, 0), "no scores", "scores of all that is planned", "Run the workflow again.")
        self._check(unmodified, BASE, 0)
        before = unmodified["response"].tolist() if "response" in unmodified else []
        found: Checkpoints = {}
        for path in self.paths:
            for key, rows in self._read(path).groupby(["run", "step"], sort=False):
                run, step = cast("tuple[str, int]", key)
                self._check(rows, run, step)
                found[run, step] = self.values(rows, before)
        return found

    def _read(self, path: Path, filters: list[tuple] | None = None) -> pd.DataFrame:
        """The planned rows of a file, by item."""
        answer = ["log_probabilities", "gold", "correct"] if isinstance(self.items[0], MultipleChoice) else ["response", "f1"]
        rows = read_table(path, "item_scores", ["run", "step", "split", "item", "item_hash", *answer], filters)
        return planned_rows(self.study, rows, self.split, self.last).sort_values("item", kind="stable")

    def _check(self, rows: pd.DataFrame, run: str, step: int) -> None:
        if rows["item_hash"].tolist() != [item.hash for item in self.items]:
            allowed = f"the {len(self.items)} of {self.task}, each once"
            raise BadInput(self._named(run, step), f"{len(rows)} other items", allowed, "Run the workflow again.")

    def _named(self, run: str, step: int) -> str:
        return f"scores of model {self.model}, task {self.task} ({self.split}), run {run}, step {step}"

    def values(self, rows: pd.DataFrame, before: list[str]) -> Values:
        """The metrics of one checkpoint; ``before`` are the unmodified model's responses."""
        if isinstance(self.items[0], MultipleChoice):
            return choice_values(rows, cast("list[MultipleChoice]", self.items))
        return answer_values(rows, cast("list[Dialogue]", self.items), before)


def choice_values(rows: pd.DataFrame, items: list[MultipleChoice]) -> Values:
    """Metrics of multiple choice from the rows of one checkpoint, one per item; accuracy alone where items have one continuation."""
    gold = rows["gold"].to_numpy()
    correct = rows["correct"].to_numpy()
    found = {"acc": correct.astype(float)}
    sums = padded(rows["log_probabilities"].tolist())
    if sums.shape[1] < 2:
        return found
    characters = np.ones_like(sums)
    for place, item in enumerate(items):
        characters[place, : len(item.continuations)] = [len(text.lstrip()) for text in item.continuations]
    probabilities = softmax(sums)
    return found | {
        "acc_norm": (np.argmax(sums / characters, axis=1) == gold).astype(float),
        "brier_score": brier_score(probabilities, gold),
        "ece": np.array([calibration_error(probabilities.max(axis=1), correct)]),
    }


def answer_values(rows: pd.DataFrame, items: list[Dialogue], before: list[str]) -> Values:
    """Metrics of dialogue from the rows of one checkpoint, one per item; ``before`` are the unmodified model's responses."""
    responses = rows["response"].tolist()
    triples = zip(responses, before, (item.reference for item in items), strict=True)
    equal = np.array([f1_at_equal_length(*triple) for triple in triples])
    return {
        "f1": rows["f1"].to_numpy(dtype=float),
        EQUAL: equal[:, 0],
        EQUAL_BASE: equal[:, 1],
        "words": np.array([len(response.split()) for response in responses], dtype=float),
        "distinct_1": np.array([distinct(responses, 1)]),
        "distinct_2": np.array([distinct(responses, 2)]),
    }


def rescore(plan: dict[str, Any]) -> None:
    """Write table ``rescored`` and its summary, tables/rescored.csv, to the places in ``plan["light"]``.

    Raises
    ------
    BadInput: item scores or items are missing, or the scores are of other items.
    """
    import pandas as pd

    study, rows = study_index(plan), []
    selections = read_table(study.path("selections"), "selections", ["model", "run", "group", "policy", "step"])
    chosen: Steps = {tuple(names): int(step) for *names, step in selections.itertuples(index=False, name=None)}
    parts: Parts = {}
    for cell in _cells(study, selections):
        found = cell.checkpoints()
        rows += _rows(cell, found)
        if cell.split == study.split:
            _keep(cell, found, chosen, parts)
    write_table(pd.DataFrame(rows, columns=list(TABLES["rescored"])), study.path("rescored"), "rescored")
    text = summary(study, parts).to_csv(index=False, float_format="%.6f", lineterminator="\n")
    write_text(study.path("rescored_summary"), text)


def _cells(study: StudyIndex, selections: pd.DataFrame) -> Iterator[Cell]:
    """Every model, task and split; items are read once per task and split."""
    last = {model: last_scored(selections, study, model) for model in study.models}
    files: dict[tuple[str, str], dict[str, list[Path]]] = {}
    for entry in study.plan["scores"]:
        files.setdefault((entry["task"], entry["split"]), {}).setdefault(entry["model"], []).append(Path(entry["path"]))
    with progress("rescore", sum(map(len, files.values()))) as shown:
        for (task, split), by_model in files.items():
            items = load_items(task, Path(study.plan["items"][task][split]), study.items)
            for model, paths in by_model.items():
                yield Cell(study, model, task, split, tuple(paths), last[model], items)
                shown.step(note=f"{model} {task}")


def _rows(cell: Cell, found: Checkpoints) -> list[dict[str, Any]]:
    """Rows of table ``rescored``: a checkpoint's means over items, runs in the order of the plan."""
    unmodified = {"run": BASE, "method": "", "corpus": "", "text": -1}
    rows = []
    for run in [unmodified, *cell.study.runs_of(cell.model)]:
        names = {"model": cell.model} | {name: run[name] for name in ("run", "method", "corpus", "text")}
        names |= {"task": cell.task, "split": cell.split, "items": len(cell.items)}
        for step in sorted(step for name, step in found if name == run["run"]):
            values = found[run["run"], step]
            rows += [names | {"step": step, "metric": metric, "value": float(value.mean())} for metric, value in values.items()]
    return rows


#: (model, run, group, policy) -> the step that counts.
Steps = dict[tuple[str, str, str, str], int]
#: (model, method, policy, task) -> metric -> values at the chosen steps and those of the unmodified model, [runs, items or 1] each.
Parts = dict[tuple[str, str, str, str], dict[str, tuple[np.ndarray, np.ndarray]]]


def _keep(cell: Cell, found: Checkpoints, chosen: Steps, parts: Parts) -> None:
    """Add what the summary needs of a cell to ``parts``."""
    group, base = cell.study.task_entries[cell.task].group, found[BASE, 0]
    for method, policy in product(cell.study.methods_of(cell.model), POLICIES):
        at = {run["run"]: chosen[cell.model, run["run"], group, policy] for run in cell.study.runs_of(cell.model, method)}
        values = [found[run, step] if step else base for run, step in at.items()]
        parts[cell.model, method, policy, cell.task] = {
            metric: (
                np.stack([value[metric] for value in values]),
                np.stack([value[EQUAL_BASE] if metric == EQUAL else base[metric] for value in values]),
            )
            for metric in METRICS[group]
            if metric in base
        }


def summary(study: StudyIndex, parts: Parts) -> pd.DataFrame:
    """Columns ``COLUMNS``: means over runs (fractions, words), of tasks and of their unweighted averages; change = value - baseline.

    ``low`` and ``high`` are a 95 % t interval of the change over runs and items (``CrossedMean``); NaN for metrics of all items together.
    """
    import pandas as pd

    rows = []
    for model, policy in product(study.subjects, POLICIES):
        for method, group in product(study.methods_of(model), study.groups):
            for name, metric in product((group, *study.tasks(group)), METRICS[group]):
                tasks = study.tasks(group) if name == group else [name]
                found = [parts[model, method, policy, task] for task in tasks]
                if all(metric in values for values in found):
                    items = sum(values[METRICS[group][0]][0].shape[1] for values in found)
                    names = {"model": model, "method": method, "policy": policy, "task": name, "metric": metric, "items": items}
                    rows.append(names | _changes([values[metric] for values in found], has_items=metric not in OF_ALL_ITEMS))
    return pd.DataFrame(rows, columns=COLUMNS)


def _changes(pairs: list[tuple[np.ndarray, np.ndarray]], *, has_items: bool) -> dict[str, Any]:
    value, before = (float(np.mean([pair[side].mean() for pair in pairs])) for side in (0, 1))
    crossed = crossed_mean([after - base for after, base in pairs])
    low, high = crossed.interval(LEVEL) if has_items else (float("nan"), float("nan"))
    return {"runs": crossed.runs, "baseline": before, "value": value, "change": crossed.mean, "low": low, "high": high}


def lines(rows: list[dict[str, str]], policy: str) -> list[str]:
    """The averages of tables/rescored.csv at the steps of a policy as lines of text, and a sentence on F1 at equal length per method."""
    shown = [row for row in rows if row["policy"] == policy and row["task"] in METRICS]
    table = [["model", "method", "tasks", "metric", "before", "after", "change", "95 % interval"]]
    for row in shown:
        ends = f"{float(row['low']):+.4f} to {float(row['high']):+.4f}" if row["low"] else ""
        numbers = [f"{float(row['baseline']):.4f}", f"{float(row['value']):.4f}", f"{round(float(row['change']), 4) + 0.0:+.4f}", ends]
        table.append([row["model"], row["method"], row["task"], row["metric"], *numbers])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]
    by_method: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in shown:
        by_method.setdefault((row["model"], row["method"]), {})[row["metric"]] = row
    for (model, method), found in by_method.items():
        if EQUAL in found:
            words, f1, equal = found["words"], float(found["f1"]["change"]) * 100, float(found[EQUAL]["change"]) * 100
            length = f"answers of {float(words['baseline']):.1f} words before, {float(words['value']):.1f} after"
            text.append(f"{model}, {method}: {length}; F1 changes by {f1:+.2f} points, at equal length by {equal:+.2f}")
    return text
