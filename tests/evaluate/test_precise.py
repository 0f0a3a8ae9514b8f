"""Log-probabilities that are near enough to the truth, and those that are no numbers at all."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scored import evaluate_one

from gap.core.errors import GapError, Refused
from gap.core.tables import read_table
from gap.evaluate.checks.noise_floor import noise_report
from gap.evaluate.scoring.multiple_choice import look_up
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.runtime.runtime import Runtime


@pytest.mark.parametrize("vocabulary", [400, 50_272, 262_144])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_log_probabilities_over_large_vocabularies(vocabulary: int, dtype: torch.dtype) -> None:
    """Against float64: no more than rounding of the result itself, and no bias upwards over a sequence."""
    source = torch.Generator().manual_seed(vocabulary)
    logits = (torch.randn(120, vocabulary, generator=source) * 2).to(dtype)
    index, targets = torch.arange(120), torch.randint(vocabulary, (120,), generator=source)
    wanted = torch.log_softmax(logits.double(), dim=-1)[index, targets]
    error = look_up(logits, (index, targets)).double() - wanted
    assert error.abs().max() < 2e-6
    assert abs(float(error.sum())) < 2e-5


def settings(precision: str, task: str) -> EvaluateJob:
    how = Evaluate(items=6, splits=["validation"], precision=precision, max_length=120, max_new_tokens=4, batch_tokens=512,
                   replay_tolerance=0, noise_items=6)  # fmt: skip
    return EvaluateJob(model="m", method="", tasks=[ScoredTask(task=task, split="validation")], evaluate=how, items=6)


@pytest.fixture(scope="module")
def folder(models: Any, tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose activations fit fp32 and bf16, and overflow fp16."""
    out = tmp_path_factory.mktemp("large")
    model = copy.deepcopy(models("opt"))
    with torch.no_grad():
        for layer in model.model.decoder.layers:
            layer.fc1.weight.mul_(3e3)
            layer.fc2.weight.mul_(3e3)
    model.save_pretrained(out)
    for path in tokenizer_folder.iterdir():
        shutil.copy(path, out)
    return out


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    monkeypatch.chdir(tmp_path)
    rows = {
        "piqa": [{"goal": f"the cat {number}", "sol1": "sat on a mat", "sol2": f"go now {number}", "label": 1} for number in range(6)],
        "wizard_of_internet": [{"text": [f"the cat {number}", f"yes we can go {number}"]} for number in range(6)],
    }
    for task, content in rows.items():
        (tmp_path / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    return {task: tmp_path / f"{task}.jsonl" for task in rows}


@pytest.mark.parametrize("task", ["piqa", "wizard_of_internet"])
@pytest.mark.parametrize("scorer", ["auto", "plain", "lm-eval"])
def test_what_is_no_number_is_refused_and_names_the_precision(folder: Path, items: dict[str, Path], task: str, scorer: Any) -> None:
    out = Path("scores/base.parquet")
    with pytest.raises(Refused, match=r"item \d, run base, step 0: log-probabilities .*nan.* in fp16.*bf16 or fp32"):
        evaluate_one(settings("fp16", task), folder, items[task], {}, None, out, Runtime("cpu", 1), scorer=scorer)
    assert not out.exists()
    evaluate_one(settings("fp32", task), folder, items[task], {}, None, out, Runtime("cpu", 1), scorer=scorer)
    values = read_table(out, "item_scores")["log_probabilities" if task == "piqa" else "nll"]
    assert all(np.isfinite(value).all() for value in values)


def test_the_noise_floor_leaves_out_a_precision_that_overflows(folder: Path, items: dict[str, Path]) -> None:
    files = {task: {"validation": path} for task, path in items.items()}
    noise_report({"m": folder}, files, settings("fp32", "piqa").evaluate, Path("noise.json"), Runtime("cpu", 1))
    text = Path("noise.json").read_text()
    assert "NaN" not in text and json.loads(text)["models"]["m"]["dropped"]["fp16"] == "log-probabilities that are not finite"
    with pytest.raises(GapError, match="in fp16"):
        noise_report({"m": folder}, files, settings("fp16", "piqa").evaluate, Path("noise.json"), Runtime("cpu", 1))
