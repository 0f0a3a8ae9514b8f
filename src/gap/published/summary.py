"""The page's first part: what its sections amount to, each sentence from their numbers."""

from __future__ import annotations

from typing import Any

from gap.published.read import MODELS
from gap.published.wording import each, listed, percent, score

#: Share of runs from which "most" is said.
MOST = 0.5


def summary(numbers: dict[str, Any]) -> tuple[str, ...]:
    """A few sentences; ``numbers`` are those of the sections by name."""
    return (_figure(numbers), _claim_two(numbers), _selection(numbers), _construction(numbers), _groups(numbers), _power(numbers))


def _figure(numbers: dict[str, Any]) -> str:
    rows = {group: numbers["construction"][group] for group in ("dialogue", "classification")}
    modified = {group: 1 - entry["unmodified"] / entry["rows"] for group, entry in rows.items()}
    sound = not numbers["granularity"]["misfits"] and not any(numbers["averages"][group]["beyond_rounding"] for group in rows)
    verdict = "agree with the protocol to the last digit" if sound else "do not all agree with the protocol"
    return (
        f"The released rows can be redrawn, and their accuracies and averages {verdict}. In dialogue {percent(modified['dialogue'])} % of the rows "
        f"lie above the unmodified model, in classification {percent(modified['classification'])} %; the rest are the unmodified model itself."
    )


def _claim_two(numbers: dict[str, Any]) -> str:
    pairs = [(group, sizes, entry) for group, by_size in numbers["larger_models"].items() for sizes, entry in by_size.items()]
    most = [f"{group}, {sizes}" for group, sizes, entry in pairs if entry["share"] > MOST]
    few = [f"{group}, {sizes} ({entry['reached']} of {entry['rows']})" for group, sizes, entry in pairs if entry["share"] <= MOST]
    return (
        f"Most runs reach the next size's unmodified score in {len(most)} of {len(pairs)} comparisons ({listed(most)}); "
        f"in the others few or none do: {listed(few)}."
    )


def _selection(numbers: dict[str, Any]) -> str:
    models = numbers["selection"]["models"]
    more = [model for model in MODELS if (models[model]["stop"]["at_varying"]["mean"] or 0) > models[model]["observed"]["mean"]]
    means = each(models, lambda row: score(row["observed"]["mean"]))
    noise = each(models, lambda row: score(row["stop"]["at_varying"]["mean"]))
    return (
        f"Classification: the mean gains, {means} points, are taken at the best of several evaluations of the same items. Choosing among updates that "
        f"change answers at random, at the rate the first update's rows show, would by itself yield {noise}: "
        f"as much as was published, or more, for {listed(more) if more else 'no model'}."
    )


def _construction(numbers: dict[str, Any]) -> str:
    by_model = [entry for group in ("classification", "dialogue") for entry in numbers["first_update"][group]["by_model"].values()]
    count = sum(entry["1"] for entry in by_model)
    never = "No row has best epoch 1" if not count else f"{count} rows have best epoch 1"
    follows = ", which is what two skipped updates of an fp16 loss scaler leave behind" if not count else ""
    return f"No published gain can be negative, because the unmodified model is one of the candidates. {never}{follows}."


def _groups(numbers: dict[str, Any]) -> str:
    groups = numbers["two_groups"]
    shown = each(groups["models"], lambda row: f"{row['correlation']:+.2f}".replace("-", "\N{MINUS SIGN}"))
    return (
        f"A run's gains in classification and in dialogue are little related: rank correlations {shown}; "
        f"{groups['both']} runs are in the top decile of both, {groups['expected']:.1f} would be by chance."
    )


def _power(numbers: dict[str, Any]) -> str:
    power = numbers["power"]
    least = min(power["average"]["unpaired"].values())
    largest = max(entry["mean"] for entry in power["observed"].values())
    return (
        f"One checkpoint's average over {numbers['selection']['items']:,} items can show a gain of {score(least)} points unpaired; the largest mean gain "
        f"in classification is {score(largest)}. What would decide are the answers to every item at every step, or a step fixed beforehand."
    )
