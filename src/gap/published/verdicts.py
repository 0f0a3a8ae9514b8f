"""Verdicts on the paper's four claims from the released rows, by the rules of preregistration.yaml as far as the rows allow.

The rules judge a step that is chosen without the scores it is judged by.  The rows hold one step per run, chosen by the average that is
reported, the unmodified model among the candidates.  So a verdict stands only where that choice cannot have made it: a claim that the
choice favours may be found not supported, never supported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from gap.figures.table import Cell, Column, Table
from gap.params.preregistration import NOT_SUPPORTED, UNDECIDED, Preregistration, claims_to_judge
from gap.published.claims.best_step import LIMIT, QUANTILES
from gap.published.names import CORPORA, MODELS, RUN, TASKS
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, SAME, baseline, gains, items_of, per_run, tasks_of
from gap.published.section import Row, Section, blocks
from gap.published.wording import signed, span
from gap.stats.multiple_testing import corrected, intersection_union

#: Of numbers in verdicts.json.
DECIMALS = 4
POLICY = "best epoch, as published"


@dataclass(frozen=True)
class RowContrast:
    """A mean difference in points over runs that must be above ``bound``; ``against`` says what it is to.

    ``error`` is its standard error: NaN with fewer than two runs, 0 where all runs are equal; neither has a test.
    """

    mean: float
    error: float
    runs: int
    bound: float
    against: str

    def p_above(self) -> float:
        """One-sided p of the hypothesis that the difference is at most the bound: a t test with runs - 1 degrees of freedom."""
        return float(stats.t.sf((self.mean - self.bound) / self.error, self.runs - 1))


@dataclass(frozen=True)
class RowEvidence:
    """What the rows hold on a claim for one model.

    ``contrasts`` must all be above their bounds; ``favoured``: choosing the best epoch can only help the claim, so that evidence against
    it stands; ``obstacle`` says why the rows cannot show what they do not refute.
    """

    obstacle: str
    contrasts: tuple[RowContrast, ...] = ()
    favoured: bool = False


def verdicts(data: Published, rules: Preregistration) -> dict[str, Any]:
    """Content of verdicts.json: the rules, and claim -> model -> reading -> verdict with its numbers (points)."""
    claims = claims_to_judge()
    for claim, gather in EVIDENCE.items():
        runs = run_gains(data, getattr(rules, claim).average)
        for reading, texts in rules.readings.items():
            by_model = {model: gather(data, runs[(runs["model"] == model) & ~runs["index"].isin(texts)], rules) for model in MODELS}
            for model, row in _judged(by_model, rules, claim).items():
                claims[claim]["models"].setdefault(model, {})[reading] = row
    return {"rules": rules.model_dump(mode="json"), "claims": claims}


def groups_of(average: str) -> list[str]:
    """The groups of tasks behind an average."""
    return [group for group in ORDER if average in ("every_task", group)]


def run_gains(data: Published, average: str) -> pd.DataFrame:
    """One row per run that the files of all groups in ``average`` have: model, corpus, index, ``gain`` in points over all tasks."""
    groups = groups_of(average)
    parts = [per_run(gains(data, group), ["gain"]).set_index([*RUN])["gain"].rename(group) for group in groups]
    joined = pd.concat(parts, axis=1, join="inner")
    weights = np.array([len(tasks_of(group)) for group in groups], dtype=float)
    return joined.assign(gain=joined.to_numpy() @ weights / weights.sum() * 100)[["gain"]].reset_index()


def _contrast(values: np.ndarray, bound: float, against: str, of_items: float = 0.0) -> RowContrast:
    """``values`` [runs] in points; ``of_items``: standard error that the items add."""
    error = float(np.sqrt(values.var(ddof=1) / len(values) + of_items**2)) if len(values) > 1 else float("nan")
    return RowContrast(float(values.mean()) if len(values) else float("nan"), error, len(values), bound, against)


def _gain(data: Published, runs: pd.DataFrame, rules: Preregistration) -> RowEvidence:
    obstacle = f"no row can lie below the unmodified model, which is a candidate for the best epoch; policy {rules.gain.policy} needs the scores of single items"
    return RowEvidence(obstacle, (_contrast(runs["gain"].to_numpy(), rules.gain.threshold, "the unmodified model"),), favoured=True)


def _larger(data: Published, runs: pd.DataFrame, rules: Preregistration) -> RowEvidence:
    model = str(runs["model"].iloc[0]) if len(runs) else MODELS[-1]
    larger = rules.larger.larger.get(model) or next(iter(MODELS[MODELS.index(model) + 1 :]), "")
    if larger not in MODELS:
        return RowEvidence("the files have no row of a larger model")
    groups = groups_of(rules.larger.average)
    tasks = sum(len(tasks_of(group)) for group in groups)
    ahead = sum((baseline(data, group, model) - baseline(data, group, larger)) * len(tasks_of(group)) for group in groups) / tasks * 100
    error = sum(_item_variance(data, group, size) for group in groups for size in (model, larger)) ** 0.5 / tasks * 100
    obstacle = "the best of a run's epochs stands against a single score of the larger model, which favours the run"
    return RowEvidence(obstacle, (_contrast(runs["gain"].to_numpy() + ahead, -rules.larger.margin, larger, error),), favoured=True)


def _item_variance(data: Published, group: str, model: str) -> float:
    """Variance from the items, at most, of the sum over a group's tasks of a model's scores (fractions).

    A score between 0 and 1 with mean p has a variance of at most p (1 - p); an accuracy has exactly that.
    """
    scores = np.array([baseline(data, group, model, task) for task in tasks_of(group)])
    return float((scores * (1 - scores) / items_of(group)).sum())


def _corpora(data: Published, runs: pd.DataFrame, rules: Preregistration) -> RowEvidence:
    target = rules.corpora.corpus or list(CORPORA)[-1]
    wide = runs.pivot(index="index", columns="corpus", values="gain")
    others = [corpus for corpus in CORPORA if corpus != target and {corpus, target} <= set(wide.columns)]
    pairs = {corpus: (wide[target] - wide[corpus]).dropna().to_numpy() for corpus in others}
    obstacle = "choosing the best epoch adds to the gains of each corpus, by an amount that the rows do not show"
    return RowEvidence(obstacle, tuple(_contrast(values, rules.corpora.threshold, corpus) for corpus, values in pairs.items()))


def _steps(data: Published, runs: pd.DataFrame, rules: Preregistration) -> RowEvidence:
    if rules.steps.bound >= LIMIT:
        return RowEvidence(f"no update beyond {LIMIT} was evaluated")
    return RowEvidence("the rows hold a run's best epoch alone, not its later ones")


EVIDENCE: dict[str, Callable[[Published, pd.DataFrame, Preregistration], RowEvidence]] = {
    "gain": _gain,
    "larger": _larger,
    "corpora": _corpora,
    "steps": _steps,
}


def _judged(by_model: dict[str, RowEvidence], rules: Preregistration, claim: str) -> dict[str, dict[str, Any]]:
    """The verdicts of one claim; p-values are corrected over the models that have any: those whose runs, two at least, differ."""
    known = {model: found for model, found in by_model.items() if found.contrasts and all(c.error > SAME for c in found.contrasts)}
    pairs = {model: intersection_union([contrast.p_above() for contrast in found.contrasts]) for model, found in known.items()}
    tested = corrected(pairs, rules.correction)
    return {model: _row(found, rules, claim, tested.get(model)) for model, found in by_model.items()}


def _row(found: RowEvidence, rules: Preregistration, claim: str, tested: tuple[float, float] | None) -> dict[str, Any]:
    """One verdict; ``tested``: corrected p-values for and against the claim, None where there is nothing to test."""
    rule = getattr(rules, claim)
    row: dict[str, Any] = {"verdict": UNDECIDED, "reason": found.obstacle, "policy": POLICY, "average": rule.average, "runs_needed": None}
    if tested is None:
        return row
    weakest = min(found.contrasts, key=lambda contrast: contrast.mean - contrast.bound)
    if weakest.runs < rule.minimum_runs:
        row["reason"] = f"{weakest.runs} runs, and {rule.minimum_runs} are required"
    elif found.favoured and tested[1] <= rules.alpha / 2:
        row |= {"verdict": NOT_SUPPORTED, "reason": "below the bound, although choosing the best epoch favours the run"}
    half = float(stats.t.ppf(1 - rules.alpha / 2, weakest.runs - 1)) * weakest.error
    ends = {"low": weakest.mean - half, "high": weakest.mean + half, "level": 1 - rules.alpha}
    numbers = {"estimate": weakest.mean, **ends, "bound": weakest.bound, "p_for": tested[0], "p_against": tested[1]}
    kind = "t, over runs and items" if claim == "larger" else "t, over runs"
    return (
        row
        | {"against": weakest.against, "interval": kind, "runs": weakest.runs}
        | {key: round(value, DECIMALS) for key, value in numbers.items()}
    )


def section(found: dict[str, Any], numbers: dict[str, Any]) -> Section:
    """The page's first part: ``found`` is the content of verdicts.json, ``numbers`` those of the other sections by name."""
    words = {"gain": _on_gain, "larger": _on_larger, "corpora": _on_corpora, "steps": _on_steps}
    sentences = tuple(f"{verdict} {words[claim](numbers)}" for claim, verdict in verdict_sentences(found).items())
    return Section("verdicts", "Verdicts on the paper's four claims", sentences, {}, (_table(found),))


def verdict_sentences(found: dict[str, Any]) -> dict[str, str]:
    """Claim -> its words and its verdict on all rows, of the content of verdicts.json."""
    return {
        claim: f"Claim {entry['number']}, {entry['claim'][0].lower()}{entry['claim'][1:]}: "
        f"{_shared({model: readings['all'] for model, readings in entry['models'].items()})}."
        for claim, entry in found["claims"].items()
    }


def _shared(rows: dict[str, dict[str, Any]]) -> str:
    """ "undecided", or by verdict the models that have it."""
    models: dict[str, list[str]] = {}
    for model, row in rows.items():
        models.setdefault(row["verdict"], []).append(model)
    return (
        next(iter(models)) if len(models) == 1 else ", ".join(f"{verdict} for {' and '.join(names)}" for verdict, names in models.items())
    )


def _between(values: Iterable[float]) -> str:
    """Smallest and largest of fractions, in points."""
    known = [value * 100 for value in values]
    return f"{signed(min(known))} to {signed(max(known))}"


def _on_gain(numbers: dict[str, Any]) -> str:
    models, dialogue = numbers["selection"]["models"], numbers["construction"]["dialogue"]
    published = _between(row["observed"]["mean"] for row in models.values())
    nothing = [row["stop"]["at_varying"]["mean"] for row in models.values() if row["stop"]["at_varying"]]
    null = f"Classification gained {published} points" + (
        f"; under a null without any effect, calibrated on rows that are selected themselves, choosing among updates would give {_between(nothing)}. "
        if nothing
        else ". "
    )
    noise = numbers["selection"]["dialogue"]
    repeats = (
        ""
        if noise["within"] is None
        else f"noise as large as between repeats of a run would give {_between((noise['fewest'], noise['most']))}. "
    )
    return (
        f"{null}Dialogue gained {_between(noise['means'].values())}, {100 - 100 * dialogue['unmodified'] / dialogue['rows']:.0f} % of its rows lie above the unmodified "
        f"model; {repeats}The answers to every item at every step, or a step fixed beforehand, would decide."
    )


def _on_larger(numbers: dict[str, Any]) -> str:
    parts = [
        f"{group} {row['reached']} of {row['rows']} ({name})" for group in ORDER for name, row in numbers["larger_models"][group].items()
    ]
    return f"Rows that reach the next size, even at their best epoch: {', '.join(parts)}. No row is of 6.7B."


def _on_corpora(numbers: dict[str, Any]) -> str:
    leaders = numbers["familiarity"]["leaders"]["mean"]
    counts = ", ".join(f"{corpus} {count}" for corpus, count in leaders.items())
    return f"Largest mean gain among {sum(leaders.values())} combinations of model and score: {counts}. How much of it the choice of the epoch makes is unknown."


def _on_steps(numbers: dict[str, Any]) -> str:
    parts = [numbers["best_step"][group]["models"][ALL] for group in ORDER]
    latest = max(part["printed"]["largest"] or 0 for part in parts)
    late = max(part["printed"]["q95"] or 0 for part in parts)
    return f"Nothing later was tried. Of the rows that changed, {QUANTILES['q95'] * 100:g} % have a best epoch of at most {late:g}, all of at most {latest}; the early stop may have ended other runs before."


def _table(found: dict[str, Any]) -> Table:
    columns = (
        *(Column("claim", "Claim", "text"), Column("model", "Model", "text"), Column("verdict", "Verdict", "text")),
        *(Column("estimate", "difference", "change"), Column("interval", "interval", "text"), Column("bound", "must be above", "change")),
        *(Column("against", "against", "text"), Column("runs", "runs", "count"), Column("reason", "because", "text")),
    )
    rows = ([_line(entry, model, readings["all"]) for model, readings in entry["models"].items()] for entry in found["claims"].values())
    caption = (
        "By the rules of preregistration.yaml, but at the authors' best epoch, the only one released. Differences in points: means over runs of the average of "
        f"all {len(TASKS)} tasks; t intervals over runs, for claim 2 over items too (unpaired; for F1 the largest variance that its mean allows). "
        f"Without text {', '.join(map(str, found['rules']['without']['texts']))}: verdicts.json."
    )
    return Table("verdicts", "Verdicts by model", caption, columns, *blocks(rows))


def _line(entry: dict[str, Any], model: str, row: dict[str, Any]) -> Row:
    interval = span({"x_interval": [row["low"], row["high"]]}, "x", signed) if "low" in row else ""
    cells: tuple[Cell, ...] = (row.get("estimate"), interval, row.get("bound"), row.get("against", ""), row.get("runs"))
    return (str(entry["number"]), model, row["verdict"], *cells, row["reason"])
