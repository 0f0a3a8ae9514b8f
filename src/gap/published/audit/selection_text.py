"""Sentences of the check on selection; see ``selection`` for the numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gap.published.audit.null import FIRST_REAL, PATIENCE, RULES, STOP_FROM
from gap.published.section import Sampling
from gap.published.wording import change, interval_of, listed, percent, score, span

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


def _each(models: Numbers, write: Callable[[Numbers], str]) -> str:
    return listed(f"{write(model_numbers)} ({model})" for model, model_numbers in models.items())


def _range(model_numbers: Numbers, case: str, key: str) -> str:
    """A gain under the stop rule, in points, with the range over the ways to count candidates."""
    values = [model_numbers[rule][case][key] for rule in RULES if model_numbers[rule][case]]
    return f"{change(model_numbers['stop'][case][key])} ({change(min(values))} to {change(max(values))})"


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
    below = [
        model
        for model, model_numbers in models.items()
        if model_numbers["observed"]["mean"] < model_numbers["fewest"]["independent"]["mean"]
    ]
    verdict = (
        "The published gains are smaller than such noise alone would give: the evaluations of a run are far from independent. That says nothing "
        "about an effect."
        if len(below) == len(models)
        else f"The published mean gain is below this for {listed(below)}."
    )
    means = _each(
        models,
        lambda model_numbers: (
            f"{_range(model_numbers, 'independent', 'mean')} where {change(model_numbers['observed']['mean'])} was published"
        ),
    )
    largest = _each(
        models,
        lambda model_numbers: (
            f"{_range(model_numbers, 'independent', 'largest')} where {change(model_numbers['observed']['largest'])} was published"
        ),
    )
    return f"Independent evaluations without an effect: the mean gain would be {means}, and the largest gain of as many runs {largest}, in points. {verdict}"


def _matching(numbers: Numbers) -> str:
    known = {model: model_numbers for model, model_numbers in numbers["models"].items() if model_numbers["stop"]["at_match"]}
    if not known:
        return "At no simulated share of changing items is the mean gain without an effect equal to the published one."

    def match(model_numbers: Numbers) -> str:
        share = model_numbers["stop"]["matching_flips"]
        ends = [model_numbers[rule]["matching_flips"] for rule in RULES]
        bounds = "" if None in ends else f", {hundredths(min(ends))} to {hundredths(max(ends))} %"
        return f"{hundredths(share)} %{bounds}, {share * numbers['items']:.0f} items"

    def largest(model_numbers: Numbers) -> str:
        return f"{change(model_numbers['stop']['at_match']['largest'])} where {change(model_numbers['observed']['largest'])} was published"

    return (
        "Correlated evaluations without an effect: the mean gain equals the published one when an update changes this share of the items: "
        f"{_each(known, match)}. The expected largest gain of as many runs would then be {_each(known, largest)}."
    )


def _first_update(numbers: Numbers) -> tuple[str, ...]:
    """How far the rows with one real update bound the share of changing items, and the null there."""
    least = {
        model: model_numbers for model, model_numbers in numbers["models"].items() if model_numbers["observed"]["first_least"] is not None
    }
    if not least:
        return ()
    shares = _each(
        least,
        lambda model_numbers: (
            f"{hundredths(model_numbers['observed']['first_least'])} % on average, n = {model_numbers['observed']['first_rows']} rows"
        ),
    )
    sentences = [
        "The rows bound the share from below: where a task's right items differ by k, at least k items have changed. In the rows with best epoch "
        f"{FIRST_REAL}, the first real update if the first two are skipped, these are at least {shares}."
    ]
    known = {model: model_numbers for model, model_numbers in least.items() if model_numbers["stop"]["at_varying"]}
    if not known:
        return tuple(sentences)

    def first(model_numbers: Numbers) -> str:
        return f"{change(model_numbers['stop']['at_varying']['first_gain'])} where {change(model_numbers['observed']['first_gain'])} was published"

    over = [
        model for model, model_numbers in known.items() if model_numbers["fewest"]["at_varying"]["mean"] > model_numbers["observed"]["mean"]
    ]
    verdict = (
        f"This exceeds the published mean for {listed(over)}, even with the fewest candidates: there, choosing among updates without an effect would "
        "more than account for the mean gain."
        if over
        else "With the fewest candidates this does not exceed the published mean of any model."
    )
    sentences.append(
        "A part of these changes is common to the runs of a corpus (one task falls while another rises) and adds no noise. The rest varies between "
        f"those rows as much as if {_each(known, lambda model_numbers: hundredths(model_numbers['observed']['first_varying']) + ' %')} of the items changed at random "
        "(variance of the tasks' right items within a corpus, summed over tasks, over items; right if items change independently). At that share these "
        f"very rows would gain {_each(known, first)}; and the mean gain over all runs would be "
        f"{_each(known, lambda model_numbers: _range(model_numbers, 'at_varying', 'mean'))} without an effect. {verdict}"
    )
    return tuple(sentences)


def _unmodified(numbers: Numbers, sampling: Sampling) -> tuple[str, ...]:
    known = {model: model_numbers for model, model_numbers in numbers["models"].items() if model_numbers["stop"]["at_match"]}
    if not known:
        return ()

    def shares(model_numbers: Numbers) -> list[float]:
        return [model_numbers[rule]["at_match"]["unmodified"] for rule in RULES if model_numbers[rule]["at_match"]]

    def shares_text(model_numbers: Numbers) -> str:
        seen, interval = model_numbers["observed"], span(interval_of(model_numbers["observed"], "unmodified"), percent)
        return f"{percent(min(shares(model_numbers)))} to {percent(max(shares(model_numbers)))} % where {percent(seen['unmodified'])} % ({interval}) were published"

    more = [
        model
        for model, model_numbers in known.items()
        if interval_of(model_numbers["observed"], "unmodified").low > max(shares(model_numbers))
    ]
    verdict = (
        f"For {listed(more)} more runs stay at the unmodified model than this null leaves there: either updates lower the average more often than "
        "they raise it, or all updates of one run push it the same way (if up and down were as likely, that would leave half of the runs there)."
        if more
        else "For no model do more runs stay there than this null leaves."
    )
    return (
        f"Runs left at the unmodified model without an effect, at the matching share, and published ({sampling.level * 100:g} % interval): "
        f"{_each(known, shares_text)}. {verdict}",
    )


def _dialogue(numbers: Numbers) -> str:
    model_numbers = numbers["dialogue"]
    first = "F1 scores have no binomial noise and single items were not released, so no such null can be simulated for dialogue."
    if model_numbers["within"] is None:
        return first
    means = listed(f"{change(mean)} ({model})" for model, mean in model_numbers["means"].items())
    return (
        f"{first} If every evaluation carried independent noise as large as the repeats differ by ({score(model_numbers['within'])} points), the best of "
        f"{numbers['fewest']} to {numbers['most']} updates would gain {change(model_numbers['fewest'])} to {change(model_numbers['most'])} points without an effect; "
        f"the published means are {means}. The repeats are few and are best epochs, not single evaluations: this is an order of magnitude."
    )
