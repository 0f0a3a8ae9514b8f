"""A small study on disk: a base model, two corpora, runs of three methods, and scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import tiny

from gap.core.tables import RUN, read_table, write_table
from gap.params.methods import Method
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain.job import posttrain
from gap.runtime.runtime import Runtime

METHODS: dict[str, Method] = {
    "ascent": tiny.method(),
    "lines": tiny.method([{"kind": "lines", "alpha": 0.2, "beta": 0.8}]),
    "soup": tiny.method(combine={"kind": "soup"}),
}


def runs_of(method: str) -> list[RunId]:
    if METHODS[method].combine:
        return [RunId(run=f"{method}{corpus}{0:09d}", corpus=corpus, text=0, members=[[0], [1]]) for corpus in ("code", "prose")]
    return [RunId(run=f"{method}{corpus}{text:09d}", corpus=corpus, text=text) for corpus in ("code", "prose") for text in range(2)]


def make_study(folder: Path, model: Path, updates: int = 3, tolerance: float = 0.0, methods: dict[str, Method] = METHODS) -> dict[str, Any]:
    """The plan of a study whose trajectories are made; only the best of its scores matters: ascent, prose, text 1, step 2."""
    corpora = {
        name: tiny.texts_table(folder / f"{name}.parquet", name, [tiny.essay(seed, 20) for seed in range(2)]) for name in ("code", "prose")
    }
    parts = []
    for name, method in methods.items():
        job = PosttrainJob(model="nano", method=name, settings=method, updates=updates, runs=runs_of(name))
        posttrain(job, model, corpora, folder / f"runs/{name}.parquet", Runtime("cpu", 1))
        parts.append(read_table(folder / f"runs/{name}.parquet", "trajectories"))
    rows = pd.concat(parts, ignore_index=True)
    write_table(rows, folder / "trajectories.parquet", "trajectories")
    write_table(_scores(rows), folder / "run_scores.parquet", "run_scores")
    return {
        "study": {
            "name": "small",
            "models": {"nano": {"kind": "local", "path": "nano"}},
            "methods": {name: method.model_dump(mode="json") for name, method in methods.items()},
            "evaluate": {"splits": ["validation"], "replay_tolerance": tolerance},
        },
        "digest": "d" * 12,
        "methods": [{"name": name, "label": name, "texts": 2, "updates": updates} for name in methods],
        "models": {"nano": {"folder": str(model), "key": "k" * 12}},
        "corpora": [{"name": name, "path": str(path), "models": ["nano"]} for name, path in corpora.items()],
        "runs": [{"model": "nano", "method": name, **run.model_dump(mode="json")} for name in methods for run in runs_of(name)],
        "light": {"run_scores": str(folder / "run_scores.parquet"), "trajectories": str(folder / "trajectories.parquet")},
    }


def _scores(rows: pd.DataFrame) -> pd.DataFrame:
    real = rows[rows["real"]]
    best = (real["method"] == "ascent") & (real["corpus"] == "prose") & (real["text"] == 1) & (real["step"] == 2)
    soup = real["method"] == "soup"
    common = real[list(RUN)].assign(step=real["step"], split="validation", items=9)
    parts = []
    for task, metric, shift in (("all", "mean", 0.0), ("classification", "acc", 0.1), ("dialogue", "f1", -0.1), ("dialogue", "nll", 5.0)):
        parts.append(common.assign(task=task, metric=metric, value=0.3 + 0.01 * real["step"] + 0.2 * best + 0.3 * soup + shift))
    parts.append(common.assign(task="all", metric="mean", value=0.99, split="test"))
    return pd.concat(parts, ignore_index=True)
