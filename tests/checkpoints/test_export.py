from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny

from gap.checkpoints.export import best_checkpoint, export
from gap.core.errors import BadInput, Refused
from gap.core.tables import read_table, write_table
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.params.jobs import PosttrainJob, RunId
from gap.posttrain.replay import ReplayWarning
from gap.posttrain.shard import posttrain

RUNS = [RunId(run=f"{corpus}{text:011d}", corpus=corpus, text=text) for corpus in ("code", "prose") for text in range(2)]
OUT = Path("checkpoints/demo/nano")


def score(run: RunId, step: int, value: float, **changes: Any) -> dict[str, Any]:
    row = {"model": "nano", "method": "gap", "corpus": run.corpus, "text": run.text, "run": run.run, "step": step}
    return row | {"task": "all", "split": "validation", "metric": "acc", "value": value, "items": 9} | changes


@pytest.fixture
def plan(tmp_path: Path, model: Path) -> dict[str, Any]:
    """A study of four runs; the best checkpoint is step 2 of text 1 of corpus prose."""
    corpora = {
        name: tiny.texts_table(tmp_path / f"{name}.parquet", name, [tiny.essay(seed, 20) for seed in range(2)])
        for name in ("code", "prose")
    }
    job = PosttrainJob(model="nano", method="gap", gap=tiny.gap(), updates=3, runs=RUNS)
    posttrain(job, model, corpora, tmp_path / "runs/all.parquet", "cpu", 1)
    scores = [score(run, step, 0.3 + 0.01 * step) for run in RUNS for step in (1, 2, 3)]
    scores += [
        score(RUNS[3], 2, 0.5),
        score(RUNS[3], 0, 0.9),
        score(RUNS[0], 1, 0.9, split="test"),
        score(RUNS[0], 1, 0.9, task="gap_copa"),
    ]
    scores += [score(RUNS[0], 1, 9.0, metric="nll"), score(RUNS[0], 1, 0.9, model="other"), score(RUNS[1], 1, float("nan"))]
    write_table(pd.DataFrame(scores), tmp_path / "run_scores.parquet", "run_scores")
    return {
        "study": {
            "name": "demo",
            "gap": tiny.gap().model_dump(mode="json"),
            "evaluate": {"splits": ["validation"], "replay_tolerance": 0.0},
        },
        "models": {"nano": {"folder": str(model)}},
        "corpora": [{"name": name, "path": str(path), "models": ["nano"]} for name, path in corpora.items()],
        "light": {"run_scores": str(tmp_path / "run_scores.parquet"), "trajectories": str(tmp_path / "runs/all.parquet")},
    }


def recorded(plan: dict[str, Any]) -> pd.DataFrame:
    return read_table(Path(plan["light"]["trajectories"]), "trajectories")


def test_the_best_checkpoint_is_rebuilt(plan: dict[str, Any]) -> None:
    export(plan, "nano", OUT, "cpu", 1)
    rows = recorded(plan)
    wanted = rows.loc[(rows["run"] == RUNS[3].run) & (rows["step"] == 2), "digest"].item()
    recipe = json.loads((OUT / "gap_recipe.json").read_text())
    assert weights_digest(load_model(OUT)) == wanted == recipe["digest"] == recipe["weights"]
    assert (recipe["corpus"], recipe["text"], recipe["step"], recipe["value"], recipe["method"]) == ("prose", 1, 2, 0.5, "gap")
    assert (OUT / "tokenizer.json").exists()


def test_a_checkpoint_that_is_there_is_only_touched(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    export(plan, "nano", OUT, "cpu", 1)
    before = (OUT / "model.safetensors").read_bytes()
    os.utime(OUT / "model.safetensors", (1, 1))
    monkeypatch.setattr("gap.checkpoints.export._rebuild", lambda *_: pytest.fail("rebuilt"))
    export(plan, "nano", OUT, "cpu", 1)
    assert (OUT / "model.safetensors").read_bytes() == before and (OUT / "model.safetensors").stat().st_mtime > 10**9


def test_ties_go_to_the_smallest_corpus_text_and_step() -> None:
    rows = [score(run, step, 0.5) for run in reversed(RUNS) for step in (3, 2)]
    best = best_checkpoint(pd.DataFrame(rows), "nano", "validation")
    assert (best.corpus, best.text, best.step) == ("code", 0, 2)


def test_a_model_without_runs(plan: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="no scored run"):
        export(plan, "reference", OUT, "cpu", 1)


def test_a_run_that_cannot_be_repeated_is_refused_or_said(plan: dict[str, Any]) -> None:
    rows = recorded(plan)
    rows.loc[(rows["run"] == RUNS[3].run) & (rows["step"] == 2), "digest"] = "0" * 16
    write_table(rows, Path(plan["light"]["trajectories"]), "trajectories")
    with pytest.raises(Refused):
        export(plan, "nano", OUT, "cpu", 1)
    assert not (OUT / "gap_recipe.json").exists()
    plan["study"]["evaluate"]["replay_tolerance"] = 1e-6
    with pytest.warns(ReplayWarning):
        export(plan, "nano", OUT, "cpu", 1)
    recipe = json.loads((OUT / "gap_recipe.json").read_text())
    assert recipe["digest"] == "0" * 16 and recipe["weights"] == weights_digest(load_model(OUT))


def test_tables_that_lack_the_run_or_its_text(plan: dict[str, Any]) -> None:
    rows = recorded(plan)
    write_table(rows[rows["step"] < 2], Path(plan["light"]["trajectories"]), "trajectories")
    with pytest.raises(BadInput, match="no step 2 of run"):
        export(plan, "nano", OUT, "cpu", 1)
    write_table(rows, Path(plan["light"]["trajectories"]), "trajectories")
    tiny.texts_table(Path(plan["corpora"][1]["path"]), "prose", ["one"])
    with pytest.raises(BadInput, match="no text 1"):
        export(plan, "nano", OUT, "cpu", 1)
