"""Baseline, mean, median, best and gain by model and corpus, with intervals over runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.style import DOUBLE, drawing, handle, legend_above, save
from gap.figures.table import Cell, Column, Table
from gap.published.claims import corpus_dots
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, SAME, baseline, clusters, corpora, gains, models, rows_of, share_of_runs
from gap.published.section import Figure, FigureFile, Sampling, Section
from gap.published.wording import change, instead_of, interval_of, listed, pair, percent, score, span, title, within

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def section(data: Published, sampling: Sampling) -> Section:
    """Per group, model and corpus (and all): rows, runs, baseline, mean, median, best, mean gain, share above; fractions."""
    frames = {group: gains(data, group) for group in ORDER}
    numbers = {group: _group(data, group, frames[group], sampling) for group in ORDER}
    sentences = [_sentence(group, numbers[group], sampling) for group in ORDER]
    sentences += [text for group in ORDER for text in _two_baselines(group, numbers[group])]
    sentences.append(
        "A row's epoch is chosen by the average that is reported and the unmodified model is a candidate, so no gain can be negative; "
        "an interval here says how much the mean would move with other texts of the same corpus, on these same items, and is no test "
        "that the updates help. The highest row has no interval: a bootstrap cannot estimate how an extreme varies."
    )
    tables = tuple(_table(group, numbers[group], sampling) for group in ORDER)
    figures = (
        Figure("gain_by_corpus", "Gain of every released row by corpus", _caption(numbers, sampling), partial(_draw, frames, numbers)),
    )
    return Section("by_corpus", "Scores by model and corpus", tuple(sentences), numbers, tables, figures)


def _group(data: Published, group: str, frame: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    by_model: dict[str, Any] = {}
    for model in models(frame):
        by_model[model] = {}
        common = baseline(data, group, model)
        for corpus in (ALL, *corpora(rows_of(frame, model))):
            rows = rows_of(frame, model, corpus)
            base = common if corpus == ALL else float(rows["base"].iloc[0])
            against_common = rows["mean"] - common
            by_model[model][corpus] = {
                "baseline": base,
                **_cell(rows, sampling, f"by_corpus/{group}/{model}/{corpus}"),
                "gain_against_commonest": float(against_common.mean()),
                "above_commonest": float((against_common > SAME).mean()),
            }
    return by_model


def _cell(rows: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    resamples = sampling.resample(clusters(rows), name)
    means, change_ = rows["mean"].to_numpy(), rows["gain"].to_numpy()
    above, above_interval = share_of_runs(rows, change_ > SAME, sampling.level)
    return {
        "rows": len(rows),
        "runs": len(set(clusters(rows))),
        "mean": float(means.mean()),
        "mean_interval": pair(resamples.mean(means)),
        "median": float(rows["mean"].median()),
        "median_interval": pair(resamples.median(means)),
        "best": float(means.max()),
        "gain": float(change_.mean()),
        "gain_interval": pair(resamples.mean(change_)),
        "best_gain": float(change_.max()),
        "above": above,
        "above_interval": pair(above_interval),
    }


def _sentence(group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    parts = [
        f"{change(row['gain'])} for {model} ({within(interval_of(row, 'gain'), change, sampling.level)}; {percent(row['above'])} % of {row['rows']} rows above)"
        for model, row in ((model, by_corpus[ALL]) for model, by_corpus in by_model.items())
    ]
    return f"{GROUP_LABEL[group]}: the mean gain over the unmodified model is {listed(parts)}, in points."


def _two_baselines(group: str, by_model: dict[str, Any]) -> list[str]:
    """A sentence for each model and corpus whose unmodified rows differ from the model's commonest one."""
    sentences = []
    for model, by_corpus in by_model.items():
        common = by_corpus[ALL]["baseline"]
        for corpus, row in by_corpus.items():
            if abs(row["baseline"] - common) <= SAME:
                continue
            gain = instead_of(change(row["gain_against_commonest"]), change(row["gain"]))
            above = instead_of(f"{percent(row['above_commonest'])} %", f"{percent(row['above'])} %")
            sentences.append(
                f"{GROUP_LABEL[group]}: the unmodified {model} scores {row['baseline'] * POINTS:.3f} in the {corpus} rows and "
                f"{common * POINTS:.3f} in the others, so each row is compared with the unmodified rows of its own model and corpus. "
                f"Against the other value the mean gain of these {row['rows']} rows would read {gain}, and {above} would lie above."
            )
    return sentences


def _table(group: str, by_model: dict[str, Any], sampling: Sampling) -> Table:
    level = f"{sampling.level * 100:g} %"
    columns = (
        Column("model", "Model", "text"),
        Column("corpus", "Texts", "text"),
        Column("rows", "Rows", "count"),
        Column("runs", "Runs", "count"),
        Column("baseline", "unmod."),
        *(Column("mean", "mean"), Column("mean_interval", level, "text")),
        *(Column("median", "median"), Column("median_interval", level, "text")),
        Column("best", "best"),
        *(Column("gain", "gain", "change"), Column("gain_interval", level, "text")),
        *(Column("above", "above, %", "text"), Column("above_interval", level, "text")),
    )
    rows: list[tuple[Cell, ...]] = []
    breaks = set()
    for model, by_corpus in by_model.items():
        breaks.add(len(rows))
        rows += [_line(model, corpus, row) for corpus, row in by_corpus.items()]
    caption = (
        f"{title(group)} of the released rows, each at its best epoch, in points, by model and corpus. "
        "Rows: released rows; runs: distinct model, corpus and text. Gain: mean over rows of the difference to the unmodified rows of the same model and corpus "
        "(where there are none, the model's commonest). "
        f"{level} intervals: bootstrap over runs, repeats of a run kept together; of the share above the unmodified model, Wilson's over runs. "
        "The best row has no interval, because the bootstrap is not valid for an extreme."
    )
    return Table(f"by_corpus_{group}", f"{GROUP_LABEL[group]} by model and corpus", caption, columns, tuple(rows), frozenset(breaks - {0}))


def _line(model: str, corpus: str, row: dict[str, Any]) -> tuple[Cell, ...]:
    averages: list[Cell] = []
    for key in ("mean", "median"):
        averages += [row[key] * POINTS, span(interval_of(row, key), score)]
    gain = (row["gain"] * POINTS, span(interval_of(row, "gain"), change))
    above = (percent(row["above"]), span(interval_of(row, "above"), percent))
    return (model, corpus, row["rows"], row["runs"], row["baseline"] * POINTS, *averages, row["best"] * POINTS, *gain, *above)


def _caption(numbers: dict[str, Any], sampling: Sampling) -> str:
    parts = []
    for group, by_model in numbers.items():
        bases = listed(
            f"{score(by_corpus[ALL]['baseline'])} ({model}, n = {by_corpus[ALL]['rows']})" for model, by_corpus in by_model.items()
        )
        parts.append(f"{group} {bases}")
    return (
        "Dots: released rows at their best epoch; black: mean and "
        f"{sampling.level * 100:g} % bootstrap interval over runs. Gain against the unmodified rows of the same model and corpus. "
        f"Unmodified, in points: {'; '.join(parts)}. No gain can be negative, because the unmodified model is a candidate for the best epoch."
    )


def _draw(frames: dict[str, pd.DataFrame], numbers: dict[str, Any], file: FigureFile) -> None:
    with drawing(file.stamp, DOUBLE, 2.6, 1, len(frames)) as (figure, [line]):
        for axes, (group, frame) in zip(line, frames.items(), strict=True):
            _panel(axes, frame, numbers[group])
            axes.set_ylabel(f"{AXIS_LABEL[group]},\ngain in points")
            axes.set_xlabel("model")
        legend_above(figure, corpus_dots.handles(handle("mean and interval", line="-", tint="black")), 4)
        save(figure, file.folder, file.name)


def _panel(axes: Axes, frame: pd.DataFrame, by_model: dict[str, Any]) -> None:
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    for column, (model, by_corpus) in enumerate(by_model.items()):
        rows = rows_of(frame, model)
        middles = corpus_dots.scatter(axes, rows, rows["gain"].to_numpy() * POINTS, column)
        for corpus in corpora(rows):
            middle, mean, interval = middles[corpus], by_corpus[corpus]["gain"] * POINTS, interval_of(by_corpus[corpus], "gain")
            axes.plot(
                [middle - corpus_dots.STRIP * 0.4, middle + corpus_dots.STRIP * 0.4], [mean, mean], color="black", linewidth=1.2, zorder=4
            )
            axes.plot([middle, middle], [interval.low * POINTS, interval.high * POINTS], color="black", linewidth=1.2, zorder=4)
    corpus_dots.label_columns(axes, [f"OPT {model}" for model in by_model])
