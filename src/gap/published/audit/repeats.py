"""Runs that were released more than once: how far they differ, and what spread between runs of one setting that implies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gap.figures.labels import GROUP_LABEL, POINTS
from gap.figures.table import Column, Table
from gap.published.estimates import interval_of, pair, plain
from gap.published.names import FILES, GROUPS, RUN
from gap.published.read import Published
from gap.published.rows import SAME, clusters, gains, models, per_run
from gap.published.section import Row, Sampling, Section, blocks
from gap.published.wording import score, span


def section(data: Published, sampling: Sampling) -> Section:
    """Per group: rows, runs, repeated runs, how many differ; within-run and between-run standard deviation (fractions)."""
    frames = {group: gains(data, group) for group in GROUPS}
    numbers: dict[str, Any] = {group: _group(group, frame, sampling) for group, frame in frames.items()}
    sentences = [text for group in GROUPS for text in _sentences(group, numbers[group], sampling)]
    if any(numbers[group]["repeated_runs"] for group in GROUPS):
        sentences.append(
            "Whether repeats share a set-up is not said, and identical ones may be one run entered twice: a guide to the size of the noise of a best epoch, no estimate."
        )
    return Section("repeats", "Runs that were released more than once", tuple(sentences), numbers, (_table(frames),))


def repeated(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs that have more than one row, in order of model, corpus and index."""
    return frame[frame.duplicated([*RUN], keep=False)].sort_values([*RUN], kind="stable")


def within(frame: pd.DataFrame) -> float:
    """Pooled standard deviation of ``gain`` over the repeats of a run: root of summed squares over summed degrees of freedom."""
    squares, freedom = _parts(repeated(frame))
    return float(np.sqrt(squares.sum() / freedom.sum())) if len(squares) else float("nan")


def _parts(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Each row's squared deviation from its run's mean, and its share of the run's degrees of freedom; [rows] each."""
    grouped = rows.groupby([*RUN])["gain"]
    squares = ((rows["gain"] - grouped.transform("mean")) ** 2).to_numpy()
    size = grouped.transform("size").to_numpy()
    return squares, (size - 1) / size


def between(frame: pd.DataFrame) -> float:
    """Pooled within-model standard deviation of ``gain`` over runs (repeats averaged)."""
    runs = per_run(frame, ["gain"])
    deviations = runs["gain"] - runs.groupby("model")["gain"].transform("mean")
    freedom = len(runs) - runs["model"].nunique()
    return float(np.sqrt((deviations**2).sum() / freedom)) if freedom > 0 else float("nan")


def _group(group: str, frame: pd.DataFrame, sampling: Sampling) -> dict[str, Any]:
    rows = repeated(frame)
    grouped = rows.groupby([*RUN])
    differ = grouped["gain"].agg(lambda values: values.max() - values.min())
    unmodified = grouped["epoch"].agg(lambda values: (values == 0).mean())
    inner, outer = within(frame), between(frame)
    squares, freedom = _parts(rows)
    resamples = sampling.resample(clusters(rows), f"repeats/{group}")
    interval = resamples.interval(lambda positions: np.sqrt(squares[positions].sum(axis=-1) / freedom[positions].sum(axis=-1)))
    return {
        "rows": len(frame),
        "runs": len(set(clusters(frame))),
        "repeated_runs": len(differ),
        "repeated_rows": len(rows),
        "by_model": {model: int((differ.index.get_level_values("model") == model).sum()) for model in models(frame)} if len(differ) else {},
        "all_unmodified": int((unmodified == 1).sum()),
        "identical_modified": int(((differ <= SAME) & (unmodified < 1)).sum()),
        "differ": int((differ > SAME).sum()),
        "unmodified_in_part": int(((unmodified > 0) & (unmodified < 1)).sum()),
        "largest_difference": plain(differ.max()) if len(differ) else None,
        "within": plain(inner),
        "within_interval": pair(interval),
        "between": plain(outer),
        "variance_ratio": plain(inner**2 / outer**2) if outer > 0 else None,
    }


def _sentences(group: str, group_numbers: dict[str, Any], sampling: Sampling) -> list[str]:
    count = group_numbers["repeated_runs"]
    first = f"{FILES[group]}: {group_numbers['rows']} rows are {group_numbers['runs']} distinct runs (model, corpus, text)"
    if not count:
        return [f"{first}; none is repeated."]
    text = span(group_numbers, "within", score)
    known = (
        f"{sampling.percent} bootstrap interval over the {count} runs {text}, rough for so few" if text else "too few runs for an interval"
    )
    ratio = "" if group_numbers["variance_ratio"] is None else f" (ratio of the variances {group_numbers['variance_ratio']:.2f})"
    between_runs = float("nan") if group_numbers["between"] is None else group_numbers["between"]
    verdict = " Texts may differ no more than repeats of one text do." if interval_of(group_numbers, "within").high >= between_runs else ""
    return [
        f"{first}; {count} of these were released more than once ({group_numbers['repeated_rows']} rows). In {group_numbers['differ']} they differ, by up to "
        f"{score(group_numbers['largest_difference'])} points; in {group_numbers['unmodified_in_part']} one is the unmodified model and another is not.",
        f"{GROUP_LABEL[group]}: the repeats of a run imply a standard deviation within runs of {score(group_numbers['within'])} points ({known}), "
        f"against {score(between_runs)} between the runs of a model{ratio}.{verdict}",
    ]


def _table(frames: dict[str, pd.DataFrame]) -> Table:
    columns = (
        Column("group", "Tasks", "text"),
        *(Column("model", "Model", "text"), Column("corpus", "Texts", "text"), Column("index", "Text", "count")),
        *(Column("epochs", "Best epochs", "text"), Column("averages", "Averages", "text"), Column("difference", "range")),
    )
    rows = ([_line(group, part) for _, part in repeated(frame).groupby([*RUN], sort=False)] for group, frame in frames.items())
    caption = (
        "Every run with more than one released row: printed best epochs, averages and their range in points, in the order of the file."
    )
    return Table("published_repeats", "Repeated runs", caption, columns, *blocks(rows))


def _line(group: str, part: pd.DataFrame) -> Row:
    first, means = part.iloc[0], part["mean"]
    epochs, averages = ", ".join(map(str, part["epoch"])), ", ".join(map(score, means))
    return (group, first["model"], first["corpus"], int(first["index"]), epochs, averages, float(np.ptp(means)) * POINTS)
