"""The two CSVs of results and the texts behind them, checked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from gap.core.errors import BadInput
from gap.published.names import CORPORA, FILES, GROUPS, MODELS, RUN, Task

PINNED_FILE = "Use the authors' file at the pinned commit."


@dataclass(frozen=True)
class Published:
    """The authors' rows.

    ``rows[group]``: one row per released row, in file order, columns ``model`` (as in ``MODELS``), ``corpus`` (as in
    ``CORPORA``), ``index`` (row of the text in its corpus), ``epoch`` (printed epoch of the best average; 0: the
    unmodified model), ``average`` (the file's own), one column per task (fractions) and ``mean`` (the tasks' unweighted
    mean, recomputed).  Gains are taken by ``gap.published.rows.gains``.  ``texts``: columns ``corpus``, ``index``,
    ``string``, ``subset`` (the Pile subset the file names).
    """

    rows: dict[str, pd.DataFrame]
    texts: pd.DataFrame

    @cached_property
    def baselines(self) -> dict[str, pd.DataFrame]:
        """group -> unmodified scores: index model, columns tasks and ``mean``; the commonest epoch-0 row of each model."""
        return {group: _commonest(frame, ["model"], list(GROUPS[group])) for group, frame in self.rows.items()}

    @cached_property
    def unmodified(self) -> dict[str, pd.DataFrame]:
        """group -> unmodified scores of the rows of each model and corpus: index (model, corpus), columns tasks and ``mean``.

        The commonest epoch-0 row of that corpus where it has one, else the model's commonest.  One model's rows need not agree
        between corpora (the runs were not all made on one set-up), and a run is compared with its own set-up.
        """
        tables = {}
        for group, frame in self.rows.items():
            cells = pd.MultiIndex.from_frame(frame[["model", "corpus"]].drop_duplicates())
            usual = self.baselines[group].loc[cells.get_level_values("model")].set_axis(cells)
            tables[group] = _commonest(frame, ["model", "corpus"], list(GROUPS[group])).reindex(cells).fillna(usual)
        return tables


def _commonest(frame: pd.DataFrame, keys: list[str], tasks: list[str]) -> pd.DataFrame:
    """The scores in ``tasks`` that most epoch-0 rows with the same ``keys`` have, and their ``mean``; index ``keys``."""
    counts = frame[frame["epoch"] == 0].value_counts([*keys, *tasks])
    table = counts.reset_index().drop_duplicates(keys).set_index(keys)[tasks]
    return table.assign(mean=table.mean(axis=1))


def read_published(results: Path, texts: Path) -> Published:
    """Read ``classification.csv`` and ``dialog.csv`` in ``results`` and the three corpora in ``texts``.

    Raises
    ------
    BadInput: a file or column is missing; a value is missing, not a number or out of range; an unknown corpus or model; a
        model without a row of the unmodified model; an index that its corpus does not have.
    """
    strings = read_texts(texts)
    counts = {str(corpus): int(count) for corpus, count in strings.groupby("corpus").size().items()}
    return Published({group: _read(results / FILES[group], tasks, counts) for group, tasks in GROUPS.items()}, strings)


def _read(path: Path, tasks: dict[str, Task], counts: dict[str, int]) -> pd.DataFrame:
    """The rows of the file with the scores of ``tasks``; ``counts`` are the texts of each corpus."""
    columns = {task.column: name for name, task in tasks.items()}
    frame = _read_csv(path, "the authors' per-run results")
    required = ["corpora", "index", "epoch", "average", "model", *columns]
    for column in required:
        if column not in frame.columns:
            raise BadInput(str(path), f"no column {column!r} among {list(frame.columns)}", f"columns {required}", PINNED_FILE)
    for column, known in (("corpora", tuple(CORPORA)), ("model", MODELS)):
        unknown = frame.loc[~frame[column].isin(known), column]
        if len(unknown):
            where = f"{path}, row {unknown.index[0]}, column {column!r}"
            raise BadInput(where, f"{unknown.iloc[0]!r}", f"one of {list(known)}", PINNED_FILE)
    for column in ("index", "epoch"):
        _check_numbers(frame[column], f"{path}, column {column!r}", "a whole number from 0", lambda numbers: numbers % 1 == 0)
    for column in ("average", *columns):
        _check_numbers(frame[column], f"{path}, column {column!r}", "a number from 0 to 1", lambda numbers: numbers <= 1)
    rows = frame.rename(columns={"corpora": "corpus", **columns})[[*RUN, "epoch", "average", *tasks]].copy()
    rows = rows.astype({"model": object, "corpus": object, "index": int, "epoch": int})
    for corpus, count in counts.items():
        beyond = rows.loc[(rows["corpus"] == corpus) & (rows["index"] >= count), "index"]
        if len(beyond):
            raise BadInput(f"{path}, row {beyond.index[0]}", f"text {beyond.iloc[0]} of {corpus}", f"an index below {count}", PINNED_FILE)
    for model in MODELS:
        if not ((rows["model"] == model) & (rows["epoch"] == 0)).any():
            raise BadInput(str(path), f"no row of the unmodified {model} (epoch 0)", "at least one per model", "Use the authors' file.")
    rows["mean"] = rows[list(tasks)].mean(axis=1)
    return rows


def _read_csv(path: Path, content: str, **options: Any) -> pd.DataFrame:
    """One of the authors' CSV files; ``options`` are those of ``pandas.read_csv``."""
    try:
        return pd.read_csv(path, **options)
    except OSError as error:
        raise BadInput(str(path), os.strerror(error.errno or 0).lower(), content, "Fetch it again.") from error
    except ValueError as error:
        raise BadInput(str(path), f"not a readable CSV ({error})", "comma-separated values with a header", PINNED_FILE) from error


def _check_numbers(values: pd.Series, where: str, allowed: str, valid: Callable[[pd.Series], pd.Series]) -> None:
    """Refuse values that are no numbers, below 0 or not ``valid``; ``allowed`` says what is."""
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = numbers.isna() | (numbers < 0) | ~valid(numbers)
    if wrong.any():
        row = wrong[wrong].index[0]
        raise BadInput(f"{where}, row {row}", f"{values[row]}", allowed, PINNED_FILE)


def read_texts(folder: Path) -> pd.DataFrame:
    """Columns ``corpus``, ``index``, ``string``, ``subset`` of all three files.

    Raises
    ------
    BadInput: a file or one of its columns is missing, or a text is empty.
    """
    parts = []
    for corpus, name in CORPORA.items():
        path = folder / name
        frame = _read_csv(path, "the authors' texts", keep_default_na=False, dtype=str)
        for column in ("text", "corpus"):
            if column not in frame.columns:
                raise BadInput(str(path), f"no column {column!r}", "columns 'text' and 'corpus'", PINNED_FILE)
        empty = frame["text"].str.strip() == ""
        if empty.any():
            raise BadInput(f"{path}, row {empty[empty].index[0]}", "an empty text", "text", PINNED_FILE)
        parts.append(
            pd.DataFrame({"corpus": corpus, "index": range(len(frame)), "string": frame["text"], "subset": frame["corpus"].str.lower()})
        )
    return pd.concat(parts, ignore_index=True)
