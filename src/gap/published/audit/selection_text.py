"""Sentences and table of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gap.figures.table import Column, Table
from gap.published.audit.null import RULES
from gap.published.estimates import interval_of
from gap.published.rows import FIRST_REAL
from gap.published.section import Row, Sampling
from gap.published.wording import change, each, listed, percent, points, score, span

Numbers = dict[str, Any]


def sentences(numbers: Numbers, sampling: Sampling) -> tuple[str, ...]:
    """What was simulated, what it gives beside the published gains, and what these rows cannot decide."""
    return (
        _design(numbers),
        _independent(numbers),
        _matching(numbers),
        *_first_update(numbers),
        *_unmodified(numbers, sampling),
        "Not to be decided from these rows: the share of items that change, whether items change together, and whether real gains of some runs are hidden by "
        "losses of others.",
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


def _design(numbers: Numbers) -> str:
    lowest, highest = (numbers["flips"][index] for index in (0, -1))
    return (
        "No effect: updates turn right answers wrong and wrong ones right at random, and every task's expected accuracy stays the unmodified model's. All steps answer the "
        f"same {numbers['items']:,} items, so only items that change make noise; their share was not released. The gain is simulated for shares of {hundredths(lowest)} % to "
        f"{hundredths(highest)} % per update and for independent evaluations, {numbers['simulated_runs']:,} runs each. The authors' stop leaves {numbers['fewest']} to "
        f"{numbers['most']} updates as candidates, and the unmodified model; ranges in brackets are for these two."
    )


def _independent(numbers: Numbers) -> str:
    models = numbers["models"]
    below = [model for model, row in models.items() if row["observed"]["mean"] < row["fewest"]["independent"]["mean"]]
    verdict = (
        "The published gains are smaller: the evaluations of a run are far from independent, which says nothing about an effect."
        if len(below) == len(models)
        else f"The published mean gain is below this for {listed(below)}."
    )

    def shown(key: str) -> str:
        return each(models, lambda row: _contrast(_range(row, "independent", key), row, key))

    return f"Independent evaluations without an effect: the mean gain would be {shown('mean')} (points). {verdict}"


def _matching(numbers: Numbers) -> str:
    known = _with(numbers["models"], "at_match")
    if not known:
        return "At no simulated share of changing items is the mean gain without an effect equal to the published one."

    def match(row: Numbers) -> str:
        share = row["stop"]["matching_flips"]
        ends = [row[rule]["matching_flips"] for rule in RULES]
        bounds = "" if None in ends else f", {hundredths(min(ends))} to {hundredths(max(ends))} %"
        return f"{hundredths(share)} %{bounds}, {share * numbers['items']:.0f} items"

    return f"The mean gain without an effect equals the published one when an update changes this share of the items: {each(known, match)}."


def _first_update(numbers: Numbers) -> Iterator[str]:
    """How far the rows with one real update bound the share of changing items, and the null there."""
    least = {model: row["observed"] for model, row in numbers["models"].items() if row["observed"]["first_least"] is not None}
    if least:
        shares = each(least, lambda seen: f"{hundredths(seen['first_least'])} % on average, n = {seen['first_rows']} rows")
        yield f"In the rows with best epoch {FIRST_REAL}, the first real update, at least this share has changed (right items differ by as much): {shares}."
    known = _with(numbers["models"], "at_varying")
    if known:
        over = [model for model, row in known.items() if row["fewest"]["at_varying"]["mean"] > row["observed"]["mean"]]
        verdict = (
            f"This exceeds the published mean for {listed(over)}, even with the fewest candidates: choosing among updates without an effect would more than "
            "account for the mean gain."
            if over
            else "With the fewest candidates this does not exceed the published mean of any model."
        )
        varying = each(known, lambda row: f"{hundredths(row['observed']['first_varying'])} %")
        first = each(known, lambda row: _contrast(change(row["stop"]["at_varying"]["first_gain"]), row, "first_gain"))
        yield (
            f"Leaving out what is common to the runs of a corpus, these rows vary as much as if {varying} of the items changed at random (independently of each other). At that "
            f"share they would gain {first}; the mean over all runs would be {each(known, lambda row: _range(row, 'at_varying', 'mean'))} without an effect. {verdict}"
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
        f"For {listed(more)} more stay there than this null leaves: updates lower the average more often than they raise it, or all of a run push it the same way."
        if more
        else "For no model do more runs stay there than this null leaves."
    )
    yield f"Runs left at the unmodified model at the matching share: {each(known, shares_text)} ({sampling.percent} interval). {verdict}"


def _dialogue(numbers: Numbers) -> str:
    noise = numbers["dialogue"]
    first = "No such null can be simulated for F1 without the scores of single items."
    if noise["within"] is None:
        return first
    return (
        f"{first} Independent noise as large as the repeats differ by ({score(noise['within'])} points, few and best epochs: an order of magnitude) would give the best of "
        f"{numbers['fewest']} to {numbers['most']} updates {change(noise['fewest'])} to {change(noise['most'])} points; published are {each(noise['means'], change)}."
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
        "Classification gains, in points: published; and without an effect for independent evaluations, for the share of changing items that gives the published mean (same mean), "
        "and for the share of the first real update (first update). largest: of the published runs, and expected of as many. unmod.: share left at the unmodified model."
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
