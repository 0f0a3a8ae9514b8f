"""A made-up study in a folder: plan.json and every table the later stages read, with real structure and some traps.

Item difficulties, model abilities and a smooth effect of the updates give scores that rise and fall as real ones do.
On purpose the files also hold what must be left out: a run that is not planned, updates and items beyond the planned
numbers.  One run diverges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from synthetic_plan import SMALL, Shape, make_plan

from gap.core.digest import digest
from gap.core.files import write_json, write_text
from gap.core.tables import RUN, write_table
from gap.describe.features import COSINE, FEATURES
from gap.tasks.registry import TASKS

EXTRA = 2  # updates and items beyond the plan


def build(folder: Path, shape: Shape = SMALL) -> Path:
    """Write the study below ``folder``; the path of its plan.json."""
    draw = np.random.default_rng(shape.seed)
    plan = make_plan(folder, shape)
    for entry in plan["corpora"]:
        write_table(_texts(entry["name"], shape), Path(entry["path"]), "texts")
    trajectories = {model: _trajectories(plan, model, shape, draw) for model in shape.subjects}
    for path in plan["trajectories"]:
        model, first = Path(path).stem.split("@")
        rows = trajectories[model]
        write_table(rows[_in_shard(rows, int(first), shape)], Path(path), "trajectories")
    for path in plan["features"]:
        model, first = Path(path).stem.split("@")
        write_table(_features(model, range(int(first), int(first) + shape.shard), shape), Path(path), "text_features")
    for number, entry in enumerate(plan["scores"]):
        _write_scores(entry, trajectories, shape, number)
    _write_rest(plan, folder, shape)
    path = folder / "plan.json"
    write_json(path, plan)
    return path


def _texts(corpus: str, shape: Shape) -> pd.DataFrame:
    count = shape.texts + EXTRA
    strings = [f"Text {index} of corpus {corpus}, with <angle> & \\\\backslash." for index in range(count)]
    return pd.DataFrame(
        {
            "corpus": corpus,
            "text": range(count),
            "string": strings,
            "tokens": 200,
            "source": "docs",
            "document": [f"docs/{index}" for index in range(count)],
            "hash": [digest(string) for string in strings],
        }
    )


def _features(model: str, texts: range, shape: Shape) -> pd.DataFrame:
    """Features of texts, some beyond the plan; the NLL goes with the effect of the updates, the number of tokens is constant."""
    rows = []
    for corpus in shape.corpora:
        for text in texts:
            own = np.random.default_rng(int(digest([model, corpus, text], 8), 16))
            names = {"model": model, "corpus": corpus, "text": text, "id": digest([corpus, text], 16), "weights": digest(model)}
            found = {feature: float(own.normal()) for feature in FEATURES} | {"tokens": 200.0}
            found["nll"] = 3 + shape.corpora.index(corpus) + hash_unit(digest([model, corpus, text], 16))
            rows += [names | {"feature": feature, "task": "", "basis": "", "value": value} for feature, value in found.items()]
            rows += [
                names | {"feature": COSINE, "task": task, "basis": digest(task), "value": float(own.uniform(-1, 1))} for task in shape.tasks
            ]
    return pd.DataFrame(rows)


def _trajectories(plan: dict[str, Any], model: str, shape: Shape, draw: np.random.Generator) -> pd.DataFrame:
    runs = [run for run in plan["runs"] if run["model"] == model]
    stray = {"model": model, "method": "up", "corpus": shape.corpora[0], "text": 0, "run": digest(["stray", model], 16)}
    rows = []
    for number, run in enumerate([*runs, stray]):
        step, loss = 0, 2.0 + draw.normal(0, 0.2)
        diverges = 3 + shape.skipped if number == 1 and model == next(iter(shape.subjects)) else 0
        for epoch in range(shape.updates + EXTRA + 1):
            real = epoch > shape.skipped and epoch != diverges
            step += real
            rows.append(
                {
                    **{name: run[name] for name in RUN},
                    "step": step,
                    "epoch": epoch,
                    "real": bool(real),
                    "loss": loss if epoch else np.nan,
                    "grad_norm": 1.0 if epoch else np.nan,
                    "update_norm": 0.1 * real,
                    "changed_fraction": 0.9 * real,
                    "distance": 0.08 * step,
                    "trained_distance": 0.1 * step,
                    "loss_scale": 1.0,
                    "diverged": bool(diverges and epoch == diverges),
                    "digest": digest([run["run"], step]) if step else digest(model),
                    "seconds": 0.01,
                }
            )
            loss += 0.3 * real
            if diverges and epoch == diverges:
                break
    return pd.DataFrame(rows)


def _in_shard(rows: pd.DataFrame, first: int, shape: Shape) -> pd.Series:
    return (rows["text"] >= first) & (rows["text"] < first + shape.shard)


def _write_scores(entry: dict[str, Any], trajectories: dict[str, pd.DataFrame], shape: Shape, number: int) -> None:
    path, model = Path(entry["path"]), entry["model"]
    draw = np.random.default_rng([shape.seed, number])
    first = path.stem.split("@")[1]
    runs = pd.DataFrame({"model": [model], "method": [""], "corpus": [""], "text": [-1], "run": ["base"], "step": [0]})
    if first != "base":  # a subject's first shard holds its unmodified model too
        rows = trajectories[model]
        steps = rows[_in_shard(rows, int(first), shape) & rows["real"]]
        steps = steps[["model", "method", "corpus", "text", "run", "step"]]
        runs = pd.concat([runs, steps], ignore_index=True) if first == "0" else steps
    write_table(_items(entry, runs, shape, draw), path, "item_scores")


def effect(runs: pd.DataFrame, shape: Shape) -> np.ndarray:
    """What the updates do to the ability of each row of ``runs``: up for some steps, then down, more for some corpora."""
    kinds = {corpus: place for place, corpus in enumerate(shape.corpora)}
    strength = np.array([0.05 + 0.12 * kinds.get(corpus, 0) for corpus in runs["corpus"]])
    step = runs["step"].to_numpy() / max(shape.updates, 1)
    own = np.array([0.8 * (hash_unit(run) - 0.5) for run in runs["run"]])
    return np.where(runs["run"] == "base", 0.0, (strength + own) * (step - 0.9 * step**2) * 1.5)


def hash_unit(name: str) -> float:
    """A number in [0, 1) from a name."""
    return int(digest(name, 8), 16) / 16**8


def _items(entry: dict[str, Any], runs: pd.DataFrame, shape: Shape, draw: np.random.Generator) -> pd.DataFrame:
    task = TASKS[entry["task"]]
    count = 8 if task.name == "copa" else shape.items + EXTRA
    ability = 0.4 * [*shape.subjects, *shape.reference].index(entry["model"])
    difficulty = np.random.default_rng(int(digest([task.name, entry["split"]], 8), 16)).normal(0, 1.2, count)
    level = ability + effect(runs, shape)[:, None] - difficulty[None, :] + draw.normal(0, 0.1, (len(runs), count))
    rows = (
        runs.loc[runs.index.repeat(count)]
        .reset_index(drop=True)
        .assign(task=task.name, split=entry["split"], item=np.tile(np.arange(count), len(runs)))
    )
    rows["item_hash"] = [f"{item:016x}" for item in rows["item"]]
    flat, multiple = level.ravel(), task.group == "classification"
    correct = (flat > 0) & multiple
    return rows.assign(
        gold=0 if multiple else -1,
        prediction=np.where(correct, 0, 1) if multiple else -1,
        correct=correct,
        log_probabilities=[[-1.0, -1.5]] * len(rows) if multiple else [[]] * len(rows),
        response="" if multiple else "Hi.",
        f1=np.nan if multiple else np.round(np.clip(0.15 + 0.03 * flat, 0, 1), 6),
        nll=np.nan if multiple else 20.0 - flat,
        tokens=0 if multiple else 10,
    )


def _noise(model: str) -> dict[str, Any]:
    """One item of 16 that changes in bf16, in one of two tasks."""
    same = {"kind": "kernel", "changed": [], "largest": 2e-6, "score": 0.0}
    entry = {"items": 16, "group": "classification", "ties": 1, "near_ties": [3, 4], "largest": 2e-6, "variants": {"eager attention": same}}
    moved = entry["variants"] | {"bf16": {"kind": "dtype", "changed": [7], "largest": 0.1, "score": -6.25}}
    tasks = {"copa": {"validation": entry}, "piqa": {"validation": entry | {"variants": moved}}}
    none = {"tasks": 2, "changed": 0, "most": 0.0, "seen": 0.0}
    floor = {
        "validation": {"classification": {"shape": none, "dtype": none | {"changed": 1, "most": 3.125, "seen": 3.125}, "kernel": none}}
    }
    return {
        "items": 16,
        "precision": "fp32",
        "models": {model: {"tasks": tasks, "floor": floor, "dropped": {"math attention": "none here"}}},
    }


def _write_rest(plan: dict[str, Any], folder: Path, shape: Shape) -> None:
    corpora = [
        {"name": name, "path": f"{name}.parquet", "texts": shape.texts, "overlapping": 0, "indices": [], "tasks": {}, "matches": []}
        for name in shape.corpora
    ]
    corpora[0] |= {"overlapping": 1, "indices": [1], "tasks": {"piqa": [1]}}
    write_json(folder / "overlap.json", {"words": 13, "corpora": corpora, "tasks": {"piqa": {"validation": {"items": 30, "too_short": 4}}}})
    listed = [{"item": item, "item_hash": digest(item), "choice": 0, "alone": ["4"], "together": ["24"]} for item in (3, 5)]
    entry = {"items": 30, "continuations": 150, "differing_items": [3, 5], "differences": listed}
    write_json(folder / "boundary.json", {"bpe": {"math_qa": {"validation": entry}}})
    write_json(folder / "noise.json", _noise(next(iter(shape.subjects))))
    for place, model in enumerate([*shape.subjects, *shape.reference]):
        lines = ["tokens,train_loss,validation_loss"]
        lines += [
            f"{step * 2048},{6 * (step + 1) ** -0.3 - 0.1 * place:.6f},{6 * (step + 1) ** -0.28 - 0.1 * place:.6f}"
            for step in range(0, 600, 60)
        ]
        write_json(
            folder / "models" / model / "provenance.json",
            {"weights": digest(model), "parameters": 200_000 * (place + 1), "versions": {"torch": "2.13"}},
        )
        write_text(folder / "models" / model / "pretraining.csv", "\n".join(lines) + "\n")
