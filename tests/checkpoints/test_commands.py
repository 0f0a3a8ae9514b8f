"""The commands of these stages one behind the other, as the workflow calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import tiny
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.digest import canonical
from gap.core.files import write_json
from gap.core.tables import read_table, write_table
from gap.params.models import ModelJob, PretrainedHere
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.params.sources import FilesSource
from gap.params.tokenizers import TokenizerJob, TokenizerTrained


def call(*arguments: object) -> None:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_from_text_to_exported_checkpoint(source: FilesSource, tmp_path: Path) -> None:
    made = TokenizerTrained(kind="train", mixture={"text": 1.0}, vocab_size=300, max_bytes=50_000)
    call(
        "tokenizer",
        "--job",
        TokenizerJob(name="t", tokenizer=made, sources={"text": source}, seed=0).model_dump_json(),
        "--out",
        "tokenizer",
    )
    nano = PretrainedHere.model_validate(
        {"kind": "pretrain", "tokenizer": "t", "hidden_size": 16, "layers": 1, "heads": 2, "context": 64, "mixture": {"text": 1.0},
         "tokens": 1024, "sequence": 32, "batch": 4}
    )  # fmt: skip
    Path("job.json").write_text(ModelJob(name="nano", model=nano, sources={"text": source}, seed=0).model_dump_json())
    call("model", "--job", "@job.json", "--tokenizer", "tokenizer/tokenizer.json", "--out", "nano", "--device", "cpu", "--threads", 1)
    corpus = tiny.texts_table(tmp_path / "code.parquet", "code", [tiny.essay(1, 9)])
    run = RunId(run="0123456789abcdef", corpus="code", text=0)
    method = tiny.method()
    job = PosttrainJob(model="nano", method="gap", settings=method, updates=2, runs=[run])
    call("post-train", "--job", canonical(job.model_dump(mode="json")), "--model", "nano/provenance.json", f"--corpus=code={corpus}",
         "--out", "runs.parquet", "--device", "cpu", "--threads", 1)  # fmt: skip
    scores = {
        "model": "nano",
        "method": "gap",
        **run.model_dump(exclude={"members"}),
        "step": 2,
        "task": "all",
        "split": "validation",
        "metric": "acc",
        "value": 0.5,
        "items": 1,
    }
    write_table(pd.DataFrame([scores]), Path("scores.parquet"), "run_scores")
    plan = {
        "study": {
            "name": "demo",
            "models": {"nano": nano.model_dump(mode="json")},
            "methods": {"gap": method.model_dump(mode="json")},
            "evaluate": {"splits": ["validation"], "replay_tolerance": 0.0},
        },
        "digest": "d" * 12,
        "methods": [{"name": "gap", "label": "gap", "texts": 1, "updates": 2}],
        "models": {"nano": {"folder": "nano", "key": "k" * 12}},
        "corpora": [{"name": "code", "path": str(corpus), "models": ["nano"]}],
        "runs": [{"model": "nano", "method": "gap", **run.model_dump(mode="json")}],
        "light": {"run_scores": "scores.parquet", "trajectories": "runs.parquet"},
    }
    write_json(Path("plan.json"), plan)
    call(
        "export",
        "--plan",
        "plan.json",
        "--model",
        "nano",
        "--out",
        "best",
        "--device",
        "cpu",
        "--threads",
        1,
        "--record",
        "records/export-nano-0123456789ab.json",
    )
    recipe = json.loads(Path("best/gap_recipe.json").read_text())
    assert recipe["digest"] == read_table(Path("runs.parquet"), "trajectories")["digest"].iloc[-1]
    assert json.loads(Path("records/export-nano-0123456789ab.json").read_text())["stage"] == "export-nano"
