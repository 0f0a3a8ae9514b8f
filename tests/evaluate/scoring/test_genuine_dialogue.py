"""Real dialogues: the greedy tokens of ``generate`` in fp32, for the first 64 items of each of the four sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.dialogue import _answers, _judge, encode_dialogues
from gap.fetch.items import fetch_items
from gap.models.text import prompt_limit
from gap.models.tokenizer import load_tokenizer
from gap.params.evaluate import Evaluate
from gap.params.items import Items, TaskJob
from gap.params.tokenizers import TokenizerFiles, TokenizerJob
from gap.pretrain.build_tokenizer import build_tokenizer
from gap.tasks.dialogue import STOP
from gap.tasks.items import load_items

SETS = ["blended_skill_talk", "empathetic_dialogues", "wizard_of_internet", "wizard_of_wikipedia"]
COUNT = 64
HOW = Evaluate(
    items=COUNT, splits=["validation"], precision="fp32", max_length=512, max_new_tokens=32, batch_tokens=4096, replay_tolerance=0
)
pytestmark = pytest.mark.skipif(
    not os.environ.get("GAP_MIRROR"), reason="no genuine data: GAP_MIRROR names no folder with the dialogue sets and OPT's tokenizer"
)


@pytest.fixture(scope="module")
def opt_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("opt")
    build_tokenizer(TokenizerJob(name="opt", tokenizer=TokenizerFiles(kind="files", path="mirror:tokenizer/opt"), seed=0), folder)
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def model() -> Any:
    """Small and random, with OPT's vocabulary, and opinions strong enough to be the same in any order of summing."""
    from transformers import OPTConfig, OPTForCausalLM

    torch.manual_seed(7)
    config = OPTConfig(
        vocab_size=50272, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=64, word_embed_proj_dim=32,
        max_position_embeddings=1024, dropout=0.0, init_std=0.3,
    )  # fmt: skip
    return OPTForCausalLM(config).eval()


#: The set with the longest prompts in every run of the tests, the others nightly.
@pytest.mark.parametrize("task", [pytest.param(task, marks=[] if task == "wizard_of_internet" else [pytest.mark.nightly]) for task in SETS])
def test_the_greedy_tokens_are_those_of_generate(model: Any, opt_tokenizer: Any, tmp_path: Path, task: str) -> None:
    fetch_items(TaskJob(task=task, split="validation", items=Items(kind="folder", path="mirror:")), tmp_path / "items.jsonl")
    items: list[Any] = load_items(task, tmp_path / "items.jsonl", COUNT)
    assert len(items) == COUNT
    limit = prompt_limit(HOW.max_length, HOW.max_new_tokens, model)
    compiled = encode_dialogues(items, opt_tokenizer, HOW, model, "cpu")
    network = open_scoring_model(split_model(model), None)
    kept: list[list[list[int]]] = []

    def judge(dialogues: Any, chunk: Any, tokens: list[list[int]], nll: Any) -> Any:
        kept.append([tokens[chunk.order.index(item)] for item in range(len(chunk.order))])
        return _judge(dialogues, chunk, tokens, nll)

    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr("gap.evaluate.scoring.dialogue._judge", judge)
        for chunk in compiled.chunks:
            _answers(network, compiled, chunk)
    found = [row for chunk in kept for row in chunk]
    lengths = set()
    for item, tokens in zip(items, found, strict=True):
        ids = opt_tokenizer.encode(item.prompt, add_special_tokens=False)
        prompt = [2, *ids[max(0, len(ids) - limit + 1) :]]
        lengths.add(len(prompt))
        with torch.no_grad():
            mask = torch.ones(1, len(prompt), dtype=torch.long)
            wanted = model.generate(torch.tensor([prompt]), attention_mask=mask, max_new_tokens=32, do_sample=False)[
                0, len(prompt) :
            ].tolist()
        # ``generate`` ends a row at its end token, ours all rows together: what stands behind an end is no part of the answer
        shared = min(len(tokens), len(wanted))
        assert tokens[:shared] == wanted[:shared]
        assert shared == 32 or wanted[-1] == 2 or STOP in opt_tokenizer.decode(tokens)
    assert len(lengths) > 20
