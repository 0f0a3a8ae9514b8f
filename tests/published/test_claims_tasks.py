"""Changes by task, recomputed from the raw CSVs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gap.published.claims import by_task
from gap.published.read import read_published
from gap.published.section import Sampling, Section

MIRROR = os.environ.get("GAP_MIRROR")
pytestmark = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is unset: no copy of the authors' files")
FOLDER = Path(MIRROR or "") / "upstream_gap"
HOW = Sampling(seed=1, resamples=1000, simulations=10)
NAMES = {
    "ai2_arc_ARC-Challenge/acc": "arc_challenge",
    "ai2_arc_ARC-Easy/acc": "arc_easy",
    "hellaswag/acc": "hellaswag",
    "math_qa/acc": "math_qa",
    "piqa/acc": "piqa",
    "pubmed_qa/acc": "pubmed_qa",
    "super_glue_copa/acc": "copa",
    "winogrande_winogrande_s/acc": "winogrande",
    "blended_skill_talk/f1": "blended_skill_talk",
    "empathetic_dialogues/f1": "empathetic_dialogues",
    "wizard_of_internet/f1": "wizard_of_internet",
    "wizard_of_wikipedia/f1": "wizard_of_wikipedia",
}


def changes() -> pd.DataFrame:
    """Long: task, model, corpora, index, value, change against the first unmodified row of the model and corpus (or of the model)."""
    parts = []
    for name in ("classification.csv", "dialog.csv"):
        frame = pd.read_csv(FOLDER / "full_results" / name)
        tasks = [column for column in frame.columns if column in NAMES]
        long = frame.melt(["model", "corpora", "index", "epoch"], tasks, "task", "value")
        zero = long[long["epoch"] == 0]
        exact = zero.groupby(["model", "corpora", "task"])["value"].first().rename("own")
        usual = zero.groupby(["model", "task"])["value"].agg(lambda values: values.mode().iloc[0]).rename("usual")
        long = long.join(exact, on=["model", "corpora", "task"]).join(usual, on=["model", "task"])
        parts.append(long.assign(change=long["value"] - long["own"].fillna(long["usual"])))
    made = pd.concat(parts)
    return made.assign(task=made["task"].map(NAMES))


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    return changes()


@pytest.fixture(scope="module")
def section() -> Section:
    return by_task.section(read_published(FOLDER / "full_results", FOLDER / "data/train_data"), HOW)


def test_mean_and_largest_change_of_every_task_model_and_corpus(section: Section, long: pd.DataFrame) -> None:
    cells = 0
    for (task, model, corpus), rows in long.groupby(["task", "model", "corpora"]):
        found = section.numbers["tasks"][task][model][corpus]
        assert (found["mean"], found["largest"]) == pytest.approx((rows["change"].mean(), rows["change"].max()), abs=1e-9)
        cells += 1
    assert cells == 12 * 3 * 3


def test_over_all_corpora_with_interval_and_test(section: Section, long: pd.DataFrame) -> None:
    for (task, model), rows in long.groupby(["task", "model"]):
        found = section.numbers["tasks"][task][model]["all"]
        runs = rows.groupby(["corpora", "index"])["change"].mean()
        assert found["mean"] == pytest.approx(rows["change"].mean(), abs=1e-9)
        error = rows["change"].std() / np.sqrt(len(runs))
        assert found["mean_interval"] == pytest.approx([found["mean"] - 1.96 * error, found["mean"] + 1.96 * error], abs=0.35 * error)
        assert found["p"] == pytest.approx(stats.ttest_1samp(runs, 0).pvalue, rel=1e-6, abs=1e-300)


def test_how_many_tasks_improve(section: Section, long: pd.DataFrame) -> None:
    means = long.groupby(["model", "task"])["change"].mean()
    for model, found in section.numbers["models"].items():
        mine = means[model]
        assert found["tasks"] == len(mine) == 12
        assert found["mean_above"] == sorted(mine[mine > 0].index) and found["mean_below"] == sorted(mine[mine < 0].index)
        text = next(text for text in section.sentences if text.startswith(f"OPT {model}"))
        assert f"{(mine > 0).sum()} of 12 tasks rise" in text


def test_holm_over_the_twelve_tasks(section: Section, long: pd.DataFrame) -> None:
    for model, found in section.numbers["models"].items():
        rows = long[long["model"] == model]
        tests = {task: stats.ttest_1samp(part.groupby(["corpora", "index"])["change"].mean(), 0) for task, part in rows.groupby("task")}
        ordered = sorted(tests, key=lambda task: tests[task].pvalue)
        kept, running = [], 0.0
        for rank, task in enumerate(ordered):
            running = max(running, min(1.0, tests[task].pvalue * (12 - rank)))
            assert section.numbers["tasks"][task][model]["all"]["p_holm"] == pytest.approx(running, rel=1e-6, abs=1e-300)
            kept += [task] if running < 0.05 else []
        assert found["holm_above"] == sorted(task for task in kept if tests[task].statistic > 0)
        assert found["holm_below"] == sorted(task for task in kept if tests[task].statistic < 0)


def test_the_group_mean_of_the_mean_changes_is_the_mean_gain(section: Section) -> None:
    """Ties the tasks to the averages: tasks of one group share rows, so their mean changes average to the gain."""
    frame = pd.read_csv(FOLDER / "full_results" / "dialog.csv")
    tasks = [column for column in frame.columns if column in NAMES]
    for model in ("1.3B", "2.7B"):
        rows = frame[frame["model"] == model]
        base = rows.loc[rows["epoch"] == 0, "average"].iloc[0]
        means = [section.numbers["tasks"][NAMES[task]][model]["all"]["mean"] for task in tasks]
        assert np.mean(means) == pytest.approx((rows["average"] - base).mean(), abs=1e-6)


def test_table_has_every_task_and_a_rule_between_groups(section: Section) -> None:
    (table,) = section.tables
    assert [row[0] for row in table.rows][:4] == ["Blended Skill Talk", "Empathetic Dialogues", "Wizard of Internet", "Wizard of Wikipedia"]
    assert len(table.rows) == 12 and table.breaks == {4} and len(table.columns) == 1 + 3 * 4


def test_p_value_by_hand() -> None:
    # Mean 1, standard deviation 1, n = 4: t = 2 with 3 degrees of freedom.
    values = np.array([0.0, 0.0, 2.0, 2.0]) * np.sqrt(3) / 2 + (1 - np.sqrt(3) / 2)
    assert by_task.p_value(values) == pytest.approx(2 * stats.t.sf(2, 3))
    assert by_task.p_value(np.zeros(5)) == 1.0
    assert by_task.p_value(np.full(5, 0.01)) == 0.0
    assert by_task.p_value(np.array([0.5])) == 1.0
