"""Sentences and table of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gap.figures.table import Column, Table
from gap.published.audit.null import RULES
from gap.published.estimates import interval_of
from gap.published.rows import FIRST_REAL, PATIENCE, STOP_FROM
from gap.published.section import Row, Sampling
from gap.published.wording import change, each, listed, percent, points, score, span

Numbers = dict[str, Any]


def sentences(numbers: Numbers, sampling: Sampling) -> tuple[str, ...]:
    """What was simulated, what it gives beside the published gains, and what these rows cannot decide."""
    return (
        *_design(numbers),
        _independent(numbers),
        _matching(numbers),
        *_first_update(numbers),
        *_unmodified(numbers, sampling),
        "What these rows decide: whether the published gains exceed what the choice of the best epoch yields on its own at a given share of "
        "changing items. What they cannot decide: that share itself, since only totals per task at the best epoch were released; whether "
        "items change together, which makes the noise of an average larger or smaller than here; and whether real gains of some runs are "
        "hidden by losses of others. That needs the answers to every item at every step, the score at a step fixed beforehand, or other "
        "items than those that chose the step.",
        _dialogue(numbers),
    )


def hundredths(value: float) -> str:
    """A small share in per cent, two decimals."""
    return f"{value * 100:.2f}"


def _range(row: Numbers, case: str, key: str) -> str:
    """A gain under the stop rule, in points, with the range over the ways to count candidates."""
    values = [row[rule][case][key] for rule in RULES if row[rule][case]]
    return f"{change(row['stop'][case][key])} ({change(min(values))} to {change(max(values))})"


def _contrast(simulated: str, row: Numbers, key: str) -> str:
    """A gain without effect beside the published one."""
    return f"{simulated} where {change(row['observed'][key])} was published"


def _with(models: Numbers, case: str) -> Numbers:
    """The models whose null is known at a rate of interest."""
    return {model: row for model, row in models.items() if row["stop"][case]}


def _design(numbers: Numbers) -> tuple[str, str]:
    lowest, highest = (numbers["flips"][index] for index in (0, -1))
    return (
        "No effect means here: updates turn right answers wrong and wrong ones right at random, at rates that leave every task's expected "
        f"accuracy at the unmodified model's. The unmodified model and every step answer the same {numbers['items']:,} items of "
        f"{numbers['tasks']} tasks, so only items that change between right and wrong make noise. Fresh items at every step (unpaired binomial "
        "noise) would overstate it; a paired null depends on the share of items that one update changes, which was not released. The gain is "
        f"therefore simulated for shares of {hundredths(lowest)} % to {hundredths(highest)} % per update and for independent evaluations, "
        f"{numbers['simulated_runs']:,} runs each.",
        f"The candidates of a run are the unmodified model and its real updates. Under the authors' stop (from epoch {STOP_FROM} on, once "
        f"{PATIENCE} evaluations have found both averages below their maximum so far) these are {numbers['fewest']} to {numbers['most']} updates. "
        "The first number below lets the classification average alone decide the stop, the earliest that the rule allows for it; the range in "
        "brackets is that of the two bounds.",
    )


def _independent(numbers: Numbers) -> str:
    models = numbers["models"]
    below = [model for model, row in models.items() if row["observed"]["mean"] < row["fewest"]["independent"]["mean"]]
    verdict = (
        "The published gains are smaller than such noise alone would give: the evaluations of a run are far from independent. That says nothing "
        "about an effect."
        if len(below) == len(models)
        else f"The published mean gain is below this for {listed(below)}."
    )

    def shown(key: str) -> str:
        return each(models, lambda row: _contrast(_range(row, "independent", key), row, key))

    return (
        f"Independent evaluations without an effect: the mean gain would be {shown('mean')}, and the largest gain of as many runs "
        f"{shown('largest')}, in points. {verdict}"
    )


def _matching(numbers: Numbers) -> str:
    known = _with(numbers["models"], "at_match")
    if not known:
        return "At no simulated share of changing items is the mean gain without an effect equal to the published one."

    def match(row: Numbers) -> str:
        share = row["stop"]["matching_flips"]
        ends = [row[rule]["matching_flips"] for rule in RULES]
        bounds = "" if None in ends else f", {hundredths(min(ends))} to {hundredths(max(ends))} %"
        return f"{hundredths(share)} %{bounds}, {share * numbers['items']:.0f} items"

    largest = each(known, lambda row: _contrast(change(row["stop"]["at_match"]["largest"]), row, "largest"))
    return (
        "Correlated evaluations without an effect: the mean gain equals the published one when an update changes this share of the items: "
        f"{each(known, match)}. The expected largest gain of as many runs would then be {largest}."
    )


def _first_update(numbers: Numbers) -> Iterator[str]:
    """How far the rows with one real update bound the share of changing items, and the null there."""
    least = {model: row["observed"] for model, row in numbers["models"].items() if row["observed"]["first_least"] is not None}
    if least:
        shares = each(least, lambda seen: f"{hundredths(seen['first_least'])} % on average, n = {seen['first_rows']} rows")
        yield (
            "The rows bound the share from below: where a task's right items differ by k, at least k items have changed. In the rows with best epoch "
            f"{FIRST_REAL}, the first real update if the first two are skipped, these are at least {shares}."
        )
    known = _with(numbers["models"], "at_varying")
    if known:
        over = [model for model, row in known.items() if row["fewest"]["at_varying"]["mean"] > row["observed"]["mean"]]
        verdict = (
            f"This exceeds the published mean for {listed(over)}, even with the fewest candidates: there, choosing among updates without an effect would "
            "more than account for the mean gain."
            if over
            else "With the fewest candidates this does not exceed the published mean of any model."
        )
        varying = each(known, lambda row: f"{hundredths(row['observed']['first_varying'])} %")
        first = each(known, lambda row: _contrast(change(row["stop"]["at_varying"]["first_gain"]), row, "first_gain"))
        yield (
            "A part of these changes is common to the runs of a corpus (one task falls while another rises) and adds no noise. The rest varies between "
            f"those rows as much as if {varying} of the items changed at random "
            "(variance of the tasks' right items within a corpus, summed over tasks, over items; right if items change independently). At that share these "
            f"very rows would gain {first}; and the mean gain over all runs would be "
            f"{each(known, lambda row: _range(row, 'at_varying', 'mean'))} without an effect. {verdict}"
        )


def _unmodified(numbers: Numbers, sampling: Sampling) -> Iterator[str]:
    known = _with(numbers["models"], "at_match")
    if not known:
        return

    def ends(row: Numbers) -> tuple[float, float]:
        shares = [row[rule]["at_match"]["unmodified"] for rule in RULES if row[rule]["at_match"]]
        return min(shares), max(shares)

    def shares_text(row: Numbers) -> str:
        low, high = ends(row)
        interval = span(row["observed"], "unmodified", percent)
        return f"{percent(low)} to {percent(high)} % where {percent(row['observed']['unmodified'])} % ({interval}) were published"

    more = [model for model, row in known.items() if interval_of(row["observed"], "unmodified").low > ends(row)[1]]
    verdict = (
        f"For {listed(more)} more runs stay at the unmodified model than this null leaves there: either updates lower the average more often than "
        "they raise it, or all updates of one run push it the same way (if up and down were as likely, that would leave half of the runs there)."
        if more
        else "For no model do more runs stay there than this null leaves."
    )
    yield (
        f"Runs left at the unmodified model without an effect, at the matching share, and published ({sampling.percent} interval): "
        f"{each(known, shares_text)}. {verdict}"
    )


def _dialogue(numbers: Numbers) -> str:
    noise = numbers["dialogue"]
    first = "F1 scores have no binomial noise and single items were not released, so no such null can be simulated for dialogue."
    if noise["within"] is None:
        return first
    return (
        f"{first} If every evaluation carried independent noise as large as the repeats differ by ({score(noise['within'])} points), the best of "
        f"{numbers['fewest']} to {numbers['most']} updates would gain {change(noise['fewest'])} to {change(noise['most'])} points without an effect; "
        f"the published means are {each(noise['means'], change)}. The repeats are few and are best epochs, not single evaluations: this is an order of magnitude."
    )


def table(numbers: Numbers, sampling: Sampling) -> Table:
    """One row per model: published, independent evaluations, the share with the same mean, the share of the first update."""
    columns = (
        *(Column("model", "Model", "text"), Column("runs", "Runs", "count")),
        *(Column("mean", "mean", "change", "Published"), Column("interval", sampling.percent, "text", "Published")),
        *(Column("largest", "largest", "change", "Published"), Column("unmodified", "unmod., %", "text", "Published")),
        *(Column("independent", "mean", "change", "Independent"), Column("independent_largest", "largest", "change", "Independent")),
        *(Column("match", "items, %", "text", "Same mean"), Column("match_largest", "largest", "change", "Same mean")),
        Column("match_unmodified", "unmod., %", "text", "Same mean"),
        *(Column("least", "least items, %", "text", "First update"), Column("varying", "varying, %", "text", "First update")),
        Column("varying_mean", "mean", "change", "First update"),
    )
    rows = tuple(_line(model, row["observed"], row["stop"]) for model, row in numbers["models"].items())
    caption = (
        "Classification gains, in points: published; and without an effect, the classification average deciding the authors' stop, for independent "
        "evaluations, for the share of items changed per update that gives the published mean (same mean), and for the share that varies between the rows "
        "with the first real update as best epoch (first update; beside it the least share changed there). largest: of the published runs, and its expectation for as many runs. unmod.: share "
        "left at the unmodified model."
    )
    return Table("published_selection", "Published gains and gains without an effect", caption, columns, rows)


def _line(model: str, seen: Numbers, stop: Numbers) -> Row:
    match, first = stop["at_match"] or {}, stop["at_varying"] or {}
    return (
        *(model, seen["runs"], points(seen["mean"]), span(seen, "mean", change), points(seen["largest"]), percent(seen["unmodified"])),
        *(points(stop["independent"]["mean"]), points(stop["independent"]["largest"])),
        *(_text(stop["matching_flips"], hundredths), points(match.get("largest")), _text(match.get("unmodified"), percent)),
        *(_text(seen["first_least"], hundredths), _text(seen["first_varying"], hundredths), points(first.get("mean"))),
    )


def _text(value: float | None, write: Callable[[float], str]) -> str:
    return "" if value is None else write(value)
