"""One task scored three ways through the command line, and compared item by item."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from gap.cli import evaluate as commands
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.tables import read_table, write_table
from gap.evaluate.checks.compare import compare_scores
from gap.fetch.items import fetch_items
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.items import Items, TaskJob

app = typer.Typer()
app.command("evaluate")(commands.evaluate)
app.command("compare-scores")(commands.compare_scores)
COUNT = 10


@pytest.fixture(scope="module")
def roomy(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny OPT with room for whole prompts: a prompt that is too long keeps its opening token with us, but not in lm-eval."""
    import torch
    from transformers import OPTConfig, OPTForCausalLM

    folder = tmp_path_factory.mktemp("roomy")
    shutil.copytree(tokenizer_folder, folder, dirs_exist_ok=True)
    torch.manual_seed(3)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64, "word_embed_proj_dim": 32, "init_std": 0.3}
    ends = {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "dropout": 0.0}
    OPTForCausalLM(OPTConfig(vocab_size=400, max_position_embeddings=600, **size, **ends)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["winogrande", "blended_skill_talk"])
def scored(request: pytest.FixtureRequest, roomy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with auto.parquet, plain.parquet and lm-eval.parquet of one task."""
    folder, task = tmp_path_factory.mktemp("scored"), request.param
    fetch_items(TaskJob(task=task, split="validation", items=Items(kind="miniature")), folder / "items.jsonl")
    how = Evaluate(
        items=COUNT, splits=["validation"], precision="fp32", max_length=512, max_new_tokens=6, batch_tokens=600, replay_tolerance=0
    )
    job = EvaluateJob(model="tiny", method="", tasks=[ScoredTask(task=task, split="validation")], evaluate=how, items=COUNT)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for scorer in ("auto", "plain", "lm-eval"):
            done = CliRunner().invoke(
                app,
                ["evaluate", "--job", job.model_dump_json(), "--model", str(roomy), "--items", f"{task}=items.jsonl", "--out",
                 f"{task}={scorer}.parquet", "--device", "cpu", "--scorer", scorer],
            )  # fmt: skip
            assert done.exit_code == 0, done.output
    return folder


def test_all_three_agree_and_none_is_reused(scored: Path) -> None:
    for scorer in ("auto", "plain", "lm-eval"):
        record = read_json(scored / f"{scorer}.provenance.json")["inputs"]
        assert record["scorer"] == scorer and record["reused_chunks"] == 0
    for other in ("plain", "lm-eval"):
        found = compare_scores(scored / "auto.parquet", scored / f"{other}.parquet")
        assert (found["items"], found["only_in_first"], found["differing"], found["listed"]) == (COUNT, 0, 0, [])
        assert found["largest_difference_nats"] < 1e-3 and found["largest_difference_nll"] < 1e-3 and found["largest_difference_f1"] < 1e-9


def test_differences_are_listed(scored: Path) -> None:
    rows = read_table(scored / "auto.parquet", "item_scores")
    dialogue = rows["gold"].iloc[0] < 0
    rows.loc[3, "response" if dialogue else "prediction"] = "Else." if dialogue else 1 - rows["prediction"].iloc[3]
    rows.loc[4, "nll" if dialogue else "log_probabilities"] = rows["nll"].iloc[4] + 2 if dialogue else None
    if not dialogue:
        rows.at[4, "log_probabilities"] = [
            score + 2 for score in read_table(scored / "auto.parquet", "item_scores")["log_probabilities"].iloc[4]
        ]
    write_table(rows.drop(index=7), scored / "x" / "other.parquet", "item_scores")
    found = compare_scores(scored / "auto.parquet", scored / "x" / "other.parquet")
    assert (found["items"], found["only_in_first"], found["differing"]) == (COUNT - 1, 1, 1)
    assert found["listed"][0]["item"] == 3
    assert found["largest_difference_nll" if dialogue else "largest_difference_nats"] == pytest.approx(2)
    shown = CliRunner().invoke(app, ["compare-scores", str(scored / "auto.parquet"), str(scored / "x" / "other.parquet")])
    assert "item 3" in shown.output and "differing" in shown.output
    shown = CliRunner().invoke(app, ["compare-scores", str(scored / "auto.parquet"), str(scored / "x" / "other.parquet"), "--json"])
    assert json.loads(shown.output)["differing"] == 1


def test_equal_items_are_matched_in_their_order(scored: Path, tmp_path: Path) -> None:
    rows = read_table(scored / "auto.parquet", "item_scores")
    twice = pd.concat([rows, rows.head(3)], ignore_index=True)
    write_table(twice, tmp_path / "twice.parquet", "item_scores")
    found = compare_scores(tmp_path / "twice.parquet", tmp_path / "twice.parquet")
    assert (found["items"], found["only_in_first"], found["differing"]) == (COUNT + 3, 0, 0)
    found = compare_scores(scored / "auto.parquet", tmp_path / "twice.parquet")
    assert (found["items"], found["only_in_first"], found["only_in_second"], found["differing"]) == (COUNT, 0, 3, 0)


def test_files_that_cannot_be_compared(scored: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.parquet: no such file"):
        compare_scores(scored / "auto.parquet", tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    with pytest.raises(BadInput, match="not a readable Parquet"):
        compare_scores(scored / "auto.parquet", tmp_path / "text.parquet")
    rows = read_table(scored / "auto.parquet", "item_scores").assign(step=5)
    write_table(rows, tmp_path / "other.parquet", "item_scores")
    with pytest.raises(BadInput, match="no item of"):
        compare_scores(scored / "auto.parquet", tmp_path / "other.parquet")
    with pytest.raises(BadInput, match="one of"):
        commands.evaluate("{}", tmp_path, [], [], scorer="fast")
