"""Baseline, mean, median, best and gain by model and corpus, with intervals over runs."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from gap.figures.labels import AXIS_LABEL, GROUP_LABEL, POINTS
from gap.figures.panels import mean_mark
from gap.figures.points import where
from gap.figures.style import DOUBLE, handle, legend_above
from gap.figures.table import Column, Table
from gap.published.drawings import STRIP, corpus_handles, dots, label_columns, row_points
from gap.published.estimates import interval_of, pair, share_of_runs
from gap.published.read import Published
from gap.published.rows import ALL, ORDER, SAME, baseline, clusters, corpora, gains, models
from gap.published.section import Figure, FigureFile, Row, Sampling, Section, blocks
from gap.published.wording import baselines_and_rows, change, listed, percent, points, score, span, title


def section(data: Published, sampling: Sampling) -> Section:
    """Per group, model and corpus (and all): rows, runs, baseline, mean, median, best, mean gain, share above; fractions."""
    frames = {group: gains(data, group) for group in ORDER}
    numbers = {group: _group(data, group, frames[group], sampling) for group in ORDER}
    sentences = [_sentence(group, numbers[group], sampling) for group in ORDER]
    tables = tuple(_table(group, numbers[group], sampling) for group in ORDER)
    figures = (Figure("gain_by_corpus", "Gain of every released row by corpus", _caption(data, sampling), _points(frames, numbers), _draw),)
    return Section("by_corpus", "Scores by model and corpus", tuple(sentences), numbers, tables, figures)


def _group(data: Published, group: str, frame: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    by_model: dict[str, Any] = {}
    for model, model_rows in models(frame).items():
        common = baseline(data, group, model)
        by_model[model] = {}
        for corpus, rows in ({ALL: model_rows} | corpora(model_rows)).items():
            against_common = rows["mean"] - common
            by_model[model][corpus] = {
                "baseline": common if corpus == ALL else float(rows["base"].iloc[0]),
                **_cell(rows, sampling, f"by_corpus/{group}/{model}/{corpus}"),
                "gain_against_commonest": float(against_common.mean()),
                "above_commonest": float((against_common > SAME).mean()),
            }
    return by_model


def _cell(rows: pd.DataFrame, sampling: Sampling, name: str) -> dict[str, Any]:
    resamples = sampling.resample(clusters(rows), name)
    scores, gain = rows["mean"].to_numpy(), rows["gain"].to_numpy()
    return {
        "rows": len(rows),
        "runs": len(set(clusters(rows))),
        "mean": float(scores.mean()),
        "mean_interval": pair(resamples.mean(scores)),
        "median": float(rows["mean"].median()),
        "median_interval": pair(resamples.median(scores)),
        "best": float(scores.max()),
        "gain": float(gain.mean()),
        "gain_interval": pair(resamples.mean(gain)),
        "best_gain": float(gain.max()),
        **share_of_runs("above", rows, gain > SAME, sampling.level),
    }


def _sentence(group: str, by_model: dict[str, Any], sampling: Sampling) -> str:
    rows = {model: by_corpus[ALL] for model, by_corpus in by_model.items()}
    parts = [
        f"{change(row['gain'])} for {model} ({sampling.within(row, 'gain', change)}; {percent(row['above'])} % of {row['rows']} rows above)"
        for model, row in rows.items()
    ]
    return f"{GROUP_LABEL[group]}: the mean gain over the unmodified model is {listed(parts)}, in points."


def _table(group: str, by_model: dict[str, Any], sampling: Sampling) -> Table:
    level = sampling.percent
    columns = (
        *(Column("model", "Model", "text"), Column("corpus", "Texts", "text")),
        *(Column("rows", "Rows", "count"), Column("runs", "Runs", "count"), Column("baseline", "unmod.")),
        *(Column("mean", "mean"), Column("mean_interval", level, "text")),
        *(Column("median", "median"), Column("median_interval", level, "text")),
        Column("best", "best"),
        *(Column("gain", "gain", "change"), Column("gain_interval", level, "text")),
        *(Column("above", "above, %", "text"), Column("above_interval", level, "text")),
    )
    rows = ([_line(model, corpus, row) for corpus, row in by_corpus.items()] for model, by_corpus in by_model.items())
    caption = (
        f"{title(group)} of the released rows at their best epoch, in points. Runs: distinct model, corpus and text. Gain: against the unmodified rows of the same model "
        f"and corpus, where there are any. {level} intervals: bootstrap over runs, repeats kept together; of shares, Wilson's over runs. The best row has none."
    )
    return Table(f"by_corpus_{group}", f"{GROUP_LABEL[group]} by model and corpus", caption, columns, *blocks(rows))


def _line(model: str, corpus: str, row: dict[str, Any]) -> Row:
    return (
        *(model, corpus, row["rows"], row["runs"], points(row["baseline"])),
        *(points(row["mean"]), span(row, "mean", score), points(row["median"]), span(row, "median", score)),
        *(points(row["best"]), points(row["gain"]), span(row, "gain", change)),
        *(percent(row["above"]), span(row, "above", percent)),
    )


def _caption(data: Published, sampling: Sampling) -> str:
    return (
        f"Dots: released rows at their best epoch; black: mean and {sampling.percent} bootstrap interval over runs. Gain against the unmodified rows of the same "
        f"model and corpus. Unmodified, in points: {baselines_and_rows(data)}."
    )


def _points(frames: dict[str, pd.DataFrame], numbers: dict[str, Any]) -> pd.DataFrame:
    """Gains of the rows, and by corpus their mean with its interval (kind ``mean``), in points."""
    means = [
        ("mean", group, model, corpus, row["rows"], *(end * POINTS for end in (row["gain"], *interval_of(row, "gain"))))
        for group, by_model in numbers.items()
        for model, by_corpus in by_model.items()
        for corpus, row in by_corpus.items()
        if corpus != ALL
    ]
    rows = [row_points(frame, group=group, gain=frame["gain"] * POINTS) for group, frame in frames.items()]
    return pd.concat([*rows, pd.DataFrame(means, columns=["kind", "group", "model", "corpus", "rows", "gain", "low", "high"])])


def _draw(file: FigureFile) -> None:
    with file.drawing(DOUBLE, 2.6, 1, len(ORDER)) as (figure, [line]):
        for axes, group in zip(line, ORDER, strict=True):
            _panel(axes, where(file.points, group=group))
            axes.set_ylabel(f"{AXIS_LABEL[group]},\ngain in points")
            axes.set_xlabel("model")
        legend_above(figure, corpus_handles(handle("mean and interval", line="-", tint="black")), 4)


def _panel(axes: Axes, frame: pd.DataFrame) -> None:
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    by_model = models(where(frame, kind="row"))
    for column, (model, rows) in enumerate(by_model.items()):
        middles = dots(axes, rows, rows["gain"].to_numpy(), column)
        for row in where(frame, kind="mean", model=model).to_dict("records"):
            mean_mark(axes, middles[row["corpus"]], STRIP * 0.4, [row[key] for key in ("gain", "low", "high")])
    label_columns(axes, [f"OPT {model}" for model in by_model])
