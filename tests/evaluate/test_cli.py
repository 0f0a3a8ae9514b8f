"""The commands of this stage, from JSON jobs to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gap.cli import evaluate as commands
from gap.cli.fetch import fetch_items
from gap.cli.job import named_files, read_job
from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.items import Items, TaskJob

app = typer.Typer()
app.command("fetch-items")(fetch_items)
app.command("evaluate")(commands.evaluate)
app.command("lm-eval-tasks")(commands.lm_eval_tasks)


def test_from_fetching_to_scores(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    task = TaskJob(task="copa", split="validation", items=Items(kind="miniature"))
    how = Evaluate(items=5, splits=["validation"], precision="fp32", max_length=120, max_new_tokens=4, batch_tokens=512, replay_tolerance=0)
    settings = EvaluateJob(model="tiny", method="", tasks=[ScoredTask(task="copa", split="validation")], evaluate=how, items=5)
    (tmp_path / "job.json").write_text(settings.model_dump_json())
    runner = CliRunner()
    done = runner.invoke(app, ["fetch-items", "--job", task.model_dump_json(), "--out", "items/validation.jsonl"])
    assert done.exit_code == 0, done.output
    done = runner.invoke(
        app,
        ["evaluate", "--job", "@job.json", "--model", str(model_folder / "config.json"), "--items", "copa/validation=items/validation.jsonl",
         "--out", "copa/validation=scores/base.parquet", "--device", "cpu", "--threads", "1"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert len(read_table(Path("scores/base.parquet"), "item_scores")) == 5
    done = runner.invoke(app, ["lm-eval-tasks", "--items", "copa/validation=items/validation.jsonl", "--limit", "3", "--out", "tasks"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("lm_eval --model hf --model_args pretrained=MODEL,add_bos_token=True,max_length=511 --include_path tasks")
    assert len(Path("tasks/items/copa/validation.jsonl").read_text().splitlines()) == 3


def test_jobs_and_pairs_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_job(f"@{tmp_path}/absent.json", TaskJob)
    with pytest.raises(BadInput, match="split"):
        read_job(json.dumps({"task": "copa", "items": {"kind": "miniature"}}), TaskJob)
    assert named_files("--corpus", ["a=b=c"]) == {"a": Path("b=c")}
    for entries in (["a"], ["=b"], ["a="], ["a=b", "a=c"]):
        with pytest.raises(BadInput, match="NAME=FILE"):
            named_files("--corpus", entries)
