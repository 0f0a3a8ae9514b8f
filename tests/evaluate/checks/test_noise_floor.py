"""The noise floor: what is counted, on a tiny model and on numbers made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.evaluate.checks.noise_floor import NOT_PORTABLE, Scores, VariantScorer, _differences, _entry, _floors, noise_report
from gap.evaluate.checks.variants import Variant, open_variant, variants
from gap.evaluate.engine.split_model import split_model
from gap.fetch.source_file import MINIATURE
from gap.params.evaluate import Evaluate
from gap.report.noise import noise_dropped, noise_floors, noise_rows
from gap.runtime.runtime import Runtime
from gap.tasks.items import MultipleChoice, load_items
from gap.tasks.registry import TASKS

LENGTHS = {"max_length": 120, "max_new_tokens": 6, "batch_tokens": 512}
SETTINGS = Evaluate(items=9, splits=["validation"], precision="fp32", replay_tolerance=0, noise_items=5, **LENGTHS)
FILES = {
    task: {"validation": MINIATURE / TASKS[task].folder / "validation.jsonl"} for task in ("copa", "winogrande", "empathetic_dialogues")
}


@pytest.fixture(scope="module")
def report(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("noise") / "noise.json"
    noise_report({"tiny": model_folder}, FILES, SETTINGS, out, Runtime("cpu", 1))
    return read_json(out)


def test_every_variant_of_every_task_is_counted(report: dict[str, Any]) -> None:
    assert (report["items"], report["precision"]) == (5, "fp32")
    tasks, dropped = report["models"]["tiny"]["tasks"], report["models"]["tiny"]["dropped"]
    names = {variant.name for variant in variants("fp32", "cpu")[1:]} - set(dropped)
    assert {"bf16", "fp16", "eager attention", "every row by itself", "one row per continuation"} <= names
    assert set(tasks["copa"]["validation"]["variants"]) == names
    assert set(tasks["empathetic_dialogues"]["validation"]["variants"]) == names - {"one row per continuation"}
    for splits in tasks.values():
        entry = splits["validation"]
        assert entry["items"] == 5
        # rounding only: an ignored mask or wrong positions would move log-probabilities of this model by nats
        assert all(one["largest"] < 1e-3 for one in entry["variants"].values() if one["kind"] != "dtype")
        assert 1e-4 < entry["variants"]["bf16"]["largest"] < 10
        assert all(0 <= item < 5 for one in entry["variants"].values() for item in one["changed"])


def test_changes_ties_and_floors_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    study = Scores([0, 1, 1], [np.array([-1.0, -1.0]), np.array([-3.0, -2.0]), np.array([-3.0, -2.5])], np.array([1.0, 1.0, 0.0]))
    kernel = Scores([0, 1, 0], [np.array([-1.0, -1.0]), np.array([-3.0, -2.0]), np.array([-2.5, -2.75])], np.array([1.0, 1.0, 1.0]))
    assert _differences(study, kernel) == {"changed": [2], "largest": 0.5, "score": pytest.approx(100 / 3)}
    monkeypatch.setattr(VariantScorer, "scores", lambda _, variant: kernel if variant.kind == "kernel" else study)
    items = [MultipleChoice("a", ("b", "c"), 0)] * 3
    entry = _entry(VariantScorer(None, None, items, SETTINGS, "cpu"), {})  # type: ignore[arg-type]
    assert (entry["ties"], entry["near_ties"], entry["largest"]) == (1, [0, 1, 2], 0.5)
    floor = _floors({"copa": {"validation": entry}, "piqa": {"validation": entry | {"variants": {}}}})["validation"]["classification"]
    # one of three items in one of two tasks
    assert floor["kernel"] == {"tasks": 2, "changed": 1, "most": pytest.approx(100 / 6), "seen": pytest.approx(100 / 6)}
    assert floor["shape"] == {"tasks": 2, "changed": 0, "most": 0.0, "seen": 0.0}


def test_an_item_with_one_choice_is_no_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Scores([0, 1], [np.array([-1.0]), np.array([-2.0, -2.0])], np.array([1.0, 1.0]))
    monkeypatch.setattr(VariantScorer, "scores", lambda *_: scores)
    items = [MultipleChoice("a", ("b",), 0), MultipleChoice("a", ("b", "c"), 1)]
    entry = _entry(VariantScorer(None, None, items, SETTINGS, "cpu"), {})  # type: ignore[arg-type]
    assert (entry["ties"], entry["near_ties"]) == (1, [1])


def test_what_portable_arithmetic_has_not_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def scores(_: VariantScorer, variant: Variant) -> Scores:
        tried.append(variant.name)
        return Scores([0], [np.array([0.0, -1.0])], np.array([1.0]))

    monkeypatch.setattr(VariantScorer, "scores", scores)
    dropped: dict[str, str] = {}
    scorer = VariantScorer(None, None, [MultipleChoice("a", ("b", "c"), 0)], SETTINGS, "cpu", refused=NOT_PORTABLE)  # type: ignore[arg-type]
    entry = _entry(scorer, dropped)
    assert dropped == NOT_PORTABLE and set(dropped) == {"bf16", "fp16"}
    assert tried == [variant.name for variant in variants("fp32", "cpu") if variant.kind != "dtype"]
    assert set(entry["variants"]) == set(tried[1:])


def test_a_kernel_that_is_not_to_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(_: VariantScorer, variant: Variant) -> Scores:
        if variant.attention == "math":
            raise RuntimeError("No available kernel.\nAborting.")
        return Scores([0], [np.array([0.0, -1.0])], np.array([1.0]))

    monkeypatch.setattr(VariantScorer, "scores", scores)
    dropped: dict[str, str] = {}
    entry = _entry(VariantScorer(None, None, [MultipleChoice("a", ("b", "c"), 0)], SETTINGS, "cpu"), dropped)  # type: ignore[arg-type]
    assert dropped == {"math attention": "RuntimeError: No available kernel."}
    assert "math attention" not in entry["variants"] and "eager attention" in entry["variants"]
    text = noise_dropped({"models": {"tiny": {"dropped": dropped}}})
    assert text == ["tiny was not scored with math attention: RuntimeError: No available kernel."]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["opt", "gpt-neox", "llama"])
def test_the_ways_are_different_ways_to_the_same_numbers(models: Any, tokenizer: Any, name: str, precision: str) -> None:
    items = load_items("copa", FILES["copa"]["validation"], 5)
    network = split_model(models(name))
    for device in ("cpu", "cuda"):  # the GPU's list of ways, computed here where this machine has the kernel
        study, *others = variants(precision, device)
        expected = VariantScorer(network, tokenizer, items, SETTINGS, "cpu").scores(study)
        for variant in others:
            if variant.attention in ("efficient",):
                continue
            scores = VariantScorer(network, tokenizer, items, SETTINGS, "cpu").scores(variant)
            allowed = 1e-4 if precision == variant.precision == "fp32" else 3.0
            assert max(np.abs(left - right).max() for left, right in zip(expected.values, scores.values, strict=True)) < allowed, variant
    assert network.model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("plain", [[], ["neo"]])
def test_a_model_without_trees_and_cache_is_measured_as_it_is_scored(tokenizer_folder: Path, tmp_path: Path, plain: list[str]) -> None:
    import shutil

    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    size = {"vocab_size": 400, "hidden_size": 32, "num_layers": 2, "num_heads": 2, "max_position_embeddings": 160, "window_size": 16}
    torch.manual_seed(0)
    shutil.copytree(tokenizer_folder, tmp_path / "neo")
    config = GPTNeoConfig(**size, attention_types=[[["global", "local"], 1]], initializer_range=0.3, bos_token_id=2, eos_token_id=2)
    GPTNeoForCausalLM(config).save_pretrained(tmp_path / "neo")
    noise_report({"neo": tmp_path / "neo"}, FILES, SETTINGS, tmp_path / "noise.json", Runtime("cpu", 1), plain)
    for splits in read_json(tmp_path / "noise.json")["models"]["neo"]["tasks"].values():
        ways = splits["validation"]["variants"]
        assert "one row per continuation" not in ways and {"every row by itself", "weights as they are"} <= set(ways)
        assert all(way["largest"] < 1e-3 for way in ways.values() if way["kind"] != "dtype")
        assert not plain or ways["weights as they are"]["largest"] == 0


def test_more_tokens_than_the_model_has_positions_for_are_refused(model_folder: Path, tmp_path: Path) -> None:
    long = SETTINGS.model_copy(update={"max_length": 200})
    with pytest.raises(BadInput, match="160 positions"):
        noise_report({"tiny": model_folder}, FILES, long, tmp_path / "noise.json", Runtime("cpu", 1))


def test_a_variant_leaves_no_trace(models: Any) -> None:
    network = split_model(models("opt"))
    eager = next(variant for variant in variants("bf16", "cpu") if variant.attention == "eager")
    with open_variant(network, eager) as used:
        assert used.model.config._attn_implementation == "eager"
        assert torch.is_autocast_enabled("cpu")
    assert (network.model.config._attn_implementation, used.model.config._attn_implementation) == ("sdpa", "sliced")
    assert not torch.is_autocast_enabled("cpu")


def test_the_page_says_the_floor_in_points(report: dict[str, Any]) -> None:
    rows = noise_rows(report)
    by_task = {row["task"]: row for row in rows}
    assert set(by_task) == set(FILES) and len(rows) == 3
    assert by_task["copa"]["items"] == 5 and by_task["empathetic_dialogues"]["ties"] == ""
    first, second = noise_floors(report)
    assert first.startswith("tiny, validation: with 5 items a task, the 2-task average of accuracy moved by this many points: batch shape ")
    assert "1-task average of F1" in second
    assert noise_rows({}) == noise_floors({}) == noise_dropped({}) == []


def test_the_command(model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    few = SETTINGS.model_copy(update={"noise_items": 2})
    arguments = [
        "--settings",
        json.dumps(few.model_dump()),
        "--model",
        f"tiny={model_folder}",
        "--items",
        f"copa={FILES['copa']['validation']}",
    ]
    done = CliRunner().invoke(app, ["noise-floor", *arguments, "--out", str(path), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert read_json(path)["models"]["tiny"]["tasks"]["copa"]["validation"]["items"] == 2
