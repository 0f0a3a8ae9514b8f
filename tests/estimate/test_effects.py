"""Tables of estimates: against pandas, SciPy and statsmodels on the same simulated items; calibrated under no effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated import Simulation, simulate
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from gap.estimate.controls import corpus_interactions, f_test, paired_differences
from gap.estimate.effects import effects, expected_maxima, leave_one_out
from gap.estimate.samples import BOOTSTRAP, EVERY_TASK, SINGLE, STUDENT, Samples


@pytest.fixture(scope="module")
def samples() -> Samples:
    return simulate(Simulation(methods=("up", "down"), texts=6, shift=lambda corpus, steps: 0.1 * (corpus == "code") * steps))


@pytest.fixture(scope="module")
def table(samples: Samples) -> pd.DataFrame:
    return effects(samples)


def cell(table: pd.DataFrame, **values: str) -> pd.Series:
    for column, value in values.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_means_and_flips_are_those_of_a_loop(samples: Samples, table: pd.DataFrame) -> None:
    cube = samples.cubes["tiny", "up"]
    for task in samples.tasks(EVERY_TASK):
        row = cell(table, method="up", policy="last", task=task, corpus="all")
        last, first = cube.scores[task][:, -1].astype(float), cube.scores[task][:, 0].astype(float)
        assert row["difference"] == pytest.approx((last - first).mean(), abs=1e-4)
        assert row["flip_rate"] == pytest.approx((last != first).mean())
        assert row["baseline"] == pytest.approx(first.mean(), abs=1e-4) and row["items"] == first.shape[1] and row["runs"] == 12
    averages = [cell(table, method="up", policy="last", task=task, corpus="all")["difference"] for task in samples.tasks(EVERY_TASK)]
    assert cell(table, method="up", policy="last", task=EVERY_TASK, corpus="all")["difference"] == pytest.approx(
        np.mean(averages), abs=1e-4
    )


def test_few_runs_are_said_to_be_few(samples: Samples, table: pd.DataFrame) -> None:
    assert cell(table, method="up", policy="last", task=EVERY_TASK, corpus="all")["interval"] == BOOTSTRAP
    row = cell(table, method="up", policy="last", task=EVERY_TASK, corpus="code")
    assert (row["interval"], row["runs"]) == (STUDENT, 6)
    single = effects(simulate(Simulation(texts=1, corpora=("seen",))))
    assert set(single["interval"]) == {SINGLE} and single["p"].isna().all() and not single["mcnemar_p"].isna().all()


def test_corrections_are_over_tasks_and_the_mcnemar_test_is_that_of_statsmodels(samples: Samples, table: pd.DataFrame) -> None:
    rows = table[(table["method"] == "up") & (table["policy"] == "last") & (table["corpus"] == "all")]
    tasks = rows[rows["task"].isin(samples.tasks(EVERY_TASK))]
    assert tasks["p_holm"].tolist() == pytest.approx(multipletests(tasks["p"], method="holm")[1])
    assert tasks["p_bh"].tolist() == pytest.approx(multipletests(tasks["p"], method="fdr_bh")[1])
    assert rows[~rows["task"].isin(samples.tasks(EVERY_TASK))]["p_holm"].isna().all()
    cube = samples.cubes["tiny", "up"]
    before, share = cube.scores["piqa"][0, 0] > 0, (cube.scores["piqa"][:, -1] > 0).mean(axis=0)
    after = np.where(share == 0.5, before, share > 0.5)
    expected = mcnemar(pd.crosstab(before, after).reindex([True, False]).reindex([True, False], axis=1).fillna(0).to_numpy(), exact=True)
    assert cell(rows, task="piqa")["mcnemar_p"] == pytest.approx(min(1.0, expected.pvalue))


def test_averages_without_a_task_are_means_of_the_others(samples: Samples, table: pd.DataFrame) -> None:
    left = leave_one_out(samples)
    row = cell(left, method="up", policy="last", task="dialogue", left_out="blended_skill_talk")
    assert row["difference"] == pytest.approx(
        cell(table, method="up", policy="last", task="wizard_of_wikipedia", corpus="all")["difference"], abs=1e-4
    )
    assert len(left[left["task"] == EVERY_TASK]["left_out"].unique()) == 4


def test_the_expected_best_of_all_runs_is_the_best(samples: Samples) -> None:
    rows = expected_maxima(samples)
    one = rows[(rows["method"] == "up") & (rows["policy"] == "last") & (rows["task"] == EVERY_TASK)].set_index("k")["difference"]
    parts = samples.parts("tiny", "up", "last")
    gains = np.mean([parts[task].mean(axis=1, dtype=float) for task in parts], axis=0)
    assert one[1] == pytest.approx(gains.mean()) and one[12] == pytest.approx(gains.max()) and one.is_monotonic_increasing


def test_controls_are_paired_by_text(samples: Samples) -> None:
    rows = paired_differences(samples)
    up, down = (samples.parts("tiny", method, "last") for method in ("up", "down"))
    pairs = np.mean([(up[task] - down[task]).mean(axis=1, dtype=float) for task in up], axis=0)
    row = cell(rows, policy="last", task=EVERY_TASK, corpus="all")
    assert row["difference"] == pytest.approx(pairs.mean(), abs=1e-4) and row["p"] == row["p_holm"]
    assert row["p"] == pytest.approx(stats.ttest_1samp(pairs, 0).pvalue, abs=0.1)
    assert {*rows["corpus"]} == {"all", "seen", "code"}


def test_the_interaction_with_corpus_is_the_analysis_of_variance_of_statsmodels(samples: Samples) -> None:
    rows = corpus_interactions(samples)
    parts = samples.parts("tiny", "up", "last")
    gains = np.mean([parts[task].mean(axis=1, dtype=float) for task in parts], axis=0)
    frame = pd.DataFrame({"gain": gains, "corpus": [run["corpus"] for run in samples.cubes["tiny", "up"].runs]})
    expected = anova_lm(ols("gain ~ C(corpus)", frame).fit())
    row = cell(rows, method="up", policy="last", task=EVERY_TASK, of="gain")
    assert (row["f"], row["p"]) == pytest.approx((expected["F"].iloc[0], expected["PR(>F)"].iloc[0]), rel=1e-3)
    assert row["p"] < 0.05
    assert np.isnan(f_test([np.ones(3), np.ones(3)])[1]) and np.isnan(f_test([np.ones(1), np.zeros(1)])[1])


@pytest.mark.slow
def test_under_no_effect_five_percent_of_tests_reject() -> None:
    """Studies shaped like real ones: 12 runs, items that move together in all runs, no mean effect; one policy that does not choose."""
    few = (("piqa", 60), ("blended_skill_talk", 40))
    found = []
    for seed in range(120):
        samples = simulate(Simulation(texts=6, steps=1, tasks=few, run=0.06, item=0.08, cell=0.15, seed=seed))
        parts = samples.parts("tiny", "up", "last")
        estimate = samples.estimate(list(parts.values()), list(parts), "null")
        found.append((estimate.crossed.p_above(0), not estimate.interval.low <= 0 <= estimate.interval.high))
    p_values, outside = np.array(found).T
    two_sided = 2 * np.minimum(p_values, 1 - p_values)
    assert stats.binomtest(int((two_sided <= 0.05).sum()), 120, 0.05).pvalue > 0.001
    assert outside.sum() <= stats.binom.ppf(0.999, 120, 0.05)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
