from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny
import torch

from gap.checkpoints.materialise import materialise
from gap.core.digest import text_digest
from gap.core.errors import BadInput, Refused
from gap.models.load import load_model
from gap.models.text import encode_text
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import weights_digest
from gap.posttrain.ascent import run_updates

TEXT = tiny.essay(3, 20)
OUT = Path("checkpoint")


def digests(model: Path, updates: int, **changes: object) -> list[str]:
    ids = encode_text(load_tokenizer(model), TEXT, tiny.gap(**changes))
    return [row.digest for row in run_updates(load_model(model), ids, tiny.gap(**changes), updates)]


def test_a_normal_folder_with_the_recorded_weights(model: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    wanted = digests(model, 3)
    assert materialise(model, tiny.gap(), TEXT, 3, wanted[3], OUT, names={"corpus": "code", "text": 3}) == wanted[3]
    loaded = AutoModelForCausalLM.from_pretrained(OUT, dtype=torch.float32)
    assert weights_digest(loaded) == wanted[3] == weights_digest(load_model(OUT))
    assert AutoTokenizer.from_pretrained(OUT)(TEXT)["input_ids"] == load_tokenizer(model)(TEXT)["input_ids"]
    recipe = json.loads((OUT / "gap_recipe.json").read_text())
    assert (recipe["base"], recipe["digest"], recipe["step"]) == (wanted[0], wanted[3], 3)
    assert (recipe["text_hash"], recipe["corpus"], recipe["text"]) == (text_digest(TEXT), "code", 3)
    assert recipe["gap"]["learning_rate"] == 5e-5 and "torch" in recipe["versions"]


def test_another_digest_is_refused_and_nothing_written(model: Path) -> None:
    with pytest.raises(Refused, match="the recorded 0000"):
        materialise(model, tiny.gap(), TEXT, 2, "0" * 16, OUT)
    assert not (OUT / "gap_recipe.json").exists()


def test_steps_count_real_updates(model: Path) -> None:
    scaled = {"precision": "fp16", "loss_scale": 2.0**24}
    wanted = digests(model, 14, **scaled)
    steps = list(dict.fromkeys(wanted))
    assert len(steps) < 15
    assert materialise(model, tiny.gap(**scaled), TEXT, 2, steps[2], OUT) == steps[2]


def test_steps_that_are_not_there(model: Path) -> None:
    with pytest.raises(BadInput, match="at least 1"):
        materialise(model, tiny.gap(), TEXT, 0, None, OUT)
    with pytest.raises(Refused, match="ends at step"):
        materialise(model, tiny.gap(learning_rate=1e36), TEXT, 9, None, OUT)
