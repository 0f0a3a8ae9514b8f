"""Any checkpoint as a normal folder, rebuilt from its recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from study import METHODS, make_study
from typer.testing import CliRunner

from gap.checkpoints.catalogue import by_id, catalogue
from gap.checkpoints.materialise import materialise
from gap.cli.main import app
from gap.core.digest import text_digest
from gap.core.errors import BadInput, Refused
from gap.core.files import write_json
from gap.core.tables import read_table, write_table
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import weights_digest
from gap.params.runs import Retained, RunId
from gap.posttrain.replay import ReplayWarning
from gap.runtime.runtime import Memory, Runtime

OUT = Path("checkpoint")


def rebuilt(plan: dict[str, Any], name: str, memory: Memory = "device") -> dict[str, Any]:
    return materialise(plan, by_id(catalogue(plan), name), OUT, Runtime("cpu", 1, memory=memory))


def tampered(plan: dict[str, Any], name: str, **changes: Any) -> None:
    """Change the recorded row of a checkpoint."""
    rows = read_table(Path(plan["light"]["trajectories"]), "trajectories")
    run, step = name.rsplit("-", 1)
    for column, value in changes.items():
        rows.loc[(rows["run"] == run) & (rows["step"] == int(step)), column] = value
    write_table(rows, Path("tampered.parquet"), "trajectories")
    plan["light"]["trajectories"] = "tampered.parquet"


@pytest.mark.parametrize("name", ["ascentcode000000001-3", "linesprose000000000-2", "soupcode000000000-3"])
@pytest.mark.parametrize("memory", ["device", "host"])
def test_a_normal_folder_with_the_recorded_weights(plan: dict[str, Any], model: Path, name: str, memory: Memory) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = rebuilt(plan, name, memory)
    checkpoint = by_id(catalogue(plan), name)
    loaded = AutoModelForCausalLM.from_pretrained(OUT, dtype=torch.float32)
    assert weights_digest(loaded) == checkpoint.digest == made["digest"] == made["weights"] == weights_digest(load_model(OUT))
    text = tiny.essay(1, 20)
    assert AutoTokenizer.from_pretrained(OUT)(text)["input_ids"] == load_tokenizer(model)(text)["input_ids"]
    recipe = json.loads((OUT / "gap_recipe.json").read_text())
    assert recipe == made and recipe["id"] == name and "torch" in recipe["versions"]
    assert recipe["base"]["digest"] == weights_digest(load_model(model)) and recipe["base"]["settings"] == {"kind": "local", "path": "nano"}
    assert recipe["settings"] == METHODS[checkpoint.method].model_dump(mode="json")
    assert recipe["replayed"] == {"runs": 1, "equal": checkpoint.step, "near": 0, "largest": 0.0, "tolerance": 0.0}
    hashes = [[one["hash"] for one in update] for update in recipe["texts"]]
    wanted = [0, 1] if checkpoint.method == "soup" else [checkpoint.text]
    assert hashes == [[text_digest(tiny.essay(seed, 20))] for seed in wanted]


def test_steps_count_real_updates(tmp_path: Path, model: Path) -> None:
    scaled = {"ascent": tiny.method(precision="fp16", loss_scale=2.0**24)}
    plan = make_study(tmp_path, model, updates=14, methods=scaled)
    found = [one for one in catalogue(plan) if one.run == "ascentcode000000000"]
    assert 0 < len(found) < 14 and found[1].epoch > found[1].step == 2
    assert rebuilt(plan, found[1].id)["weights"] == found[1].digest


def test_another_digest_is_refused_and_nothing_written(plan: dict[str, Any]) -> None:
    tampered(plan, "ascentcode000000001-2", digest="0" * 16)
    with pytest.raises(Refused, match="the recorded 0000"):
        rebuilt(plan, "ascentcode000000001-2")
    assert not (OUT / "gap_recipe.json").exists()


def test_within_the_tolerance_it_is_written_and_says_how_near(plan: dict[str, Any]) -> None:
    plan["study"]["evaluate"]["replay_tolerance"] = 1e-4
    tampered(plan, "ascentcode000000001-2", digest="0" * 16, loss=read_loss(plan) * (1 + 1e-5))
    with pytest.warns(ReplayWarning):
        made = rebuilt(plan, "ascentcode000000001-2")
    assert made["digest"] == "0" * 16 != made["weights"] == weights_digest(load_model(OUT))
    assert (made["replayed"]["equal"], made["replayed"]["near"]) == (1, 1)
    assert made["replayed"]["largest"] == pytest.approx(1e-5, rel=1e-3)


def read_loss(plan: dict[str, Any]) -> float:
    rows = read_table(Path(plan["light"]["trajectories"]), "trajectories")
    return float(rows.loc[(rows["run"] == "ascentcode000000001") & (rows["step"] == 2), "loss"].iloc[0])


def test_a_base_that_is_absent_or_another(plan: dict[str, Any], tmp_path: Path, tokenizer: Path) -> None:
    plan["models"]["nano"]["folder"] = str(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"no base model in .*nowhere.*dvc pull"):
        rebuilt(plan, "ascentcode000000001-2")
    plan["models"]["nano"]["folder"] = str(tiny.make_model(tmp_path / "other", tokenizer, seed=9))
    with pytest.raises(Refused, match="base weights"):
        rebuilt(plan, "ascentcode000000001-2")


def test_a_text_or_a_run_that_is_gone(plan: dict[str, Any]) -> None:
    tiny.texts_table(Path("one.parquet"), "code", ["one"])
    plan["corpora"][0]["path"] = "one.parquet"
    with pytest.raises(BadInput, match="no text 1"):
        rebuilt(plan, "ascentcode000000001-2")
    plan["runs"] = [run for run in plan["runs"] if run["run"] != "ascentprose000000001"]
    with pytest.raises(BadInput, match="not in the plan"):
        rebuilt(plan, "ascentprose000000001-2")
    plan["runs"], plan["models"], plan["study"]["methods"] = [], {}, {}  # params.yaml lost them after the tables were made
    with pytest.raises(BadInput, match="not in the plan"):
        rebuilt(plan, "ascentcode000000000-2")


def test_a_transform_of_a_run_that_diverged(tmp_path: Path, model: Path) -> None:
    """Its steps before are there, none behind."""
    lost = {"lines": tiny.method([{"kind": "lines", "alpha": 0.0, "beta": 1e-36}], learning_rate=1e36)}
    plan = make_study(tmp_path, model, updates=5, methods=lost)
    found = [one for one in catalogue(plan) if one.run == "linescode000000000"]
    assert 0 < len(found) < 5
    assert rebuilt(plan, found[-1].id)["weights"] == found[-1].digest
    with pytest.raises(BadInput, match="no checkpoint of the study"):
        rebuilt(plan, f"linescode000000000-{len(found) + 1}")


def test_a_run_that_retains_a_text(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunId(run="retain0000000000", corpus="code", text=0, retained=Retained(corpus="prose", texts=[[1]]))
    monkeypatch.setattr("study.runs_of", lambda _: [run])
    methods = {"retain": tiny.method(direction={"kind": "retain", "corpus": "prose", "weight": 1.0})}
    plan = make_study(tmp_path, model, methods=methods)
    made = rebuilt(plan, "retain0000000000-3")
    assert made["weights"] == made["digest"]
    assert made["retained"] == {"corpus": "prose", "texts": [[{"text": 1, "hash": text_digest(tiny.essay(1, 20))}]]}


def test_the_command(plan: dict[str, Any]) -> None:
    write_json(Path("plan.json"), plan)
    call = ["materialise", "soupprose000000000-2", "--out", "out", "--plan", "plan.json", "--device", "cpu", "--memory", "host"]
    done = CliRunner().invoke(app, call, catch_exceptions=False)
    assert done.exit_code == 0 and "nano, soup, prose 0, step 2" in done.stdout and "the recorded bits" in done.stdout
    assert weights_digest(load_model(Path("out"))) == json.loads(Path("out/gap_recipe.json").read_text())["digest"]
