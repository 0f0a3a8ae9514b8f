from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
import torch
from families import FAMILIES

from gap.core.errors import BadInput
from gap.models.text import encode_text, eos_ids, max_positions
from gap.models.tokenizer import load_tokenizer


def test_the_edge_in_front_then_the_text(tokenizer: Path) -> None:
    tool = load_tokenizer(tokenizer)
    ids = encode_text(tool, "signal motor", max_tokens=512, positions=64)
    assert ids.dtype == torch.int64 and ids.tolist() == tool("signal motor")["input_ids"]
    assert ids[0] == 2 and tool.decode(ids[1:]) == "signal motor"


def test_cut_at_the_wanted_length_edge_included(tokenizer: Path) -> None:
    tool = load_tokenizer(tokenizer)
    whole, cut = (encode_text(tool, tiny.essay(1, 90), max_tokens, positions=512) for max_tokens in (512, 20))
    assert len(whole) > 90 and cut.tolist() == whole[:20].tolist()


def test_texts_that_cannot_be_used(tokenizer: Path) -> None:
    tool = load_tokenizer(tokenizer)
    with pytest.raises(BadInput, match="no token"):
        encode_text(tool, "", max_tokens=512, positions=64)
    with pytest.raises(BadInput, match=r"gap\.max_tokens to 64"):
        encode_text(tool, tiny.essay(1, 90), max_tokens=512, positions=64)
    assert len(encode_text(tool, tiny.essay(1, 90), max_tokens=64, positions=64)) == 64


@pytest.mark.parametrize(
    ("family", "positions"), [("opt", 160), ("gpt2", 160), ("mpt", 160), ("llama", 160), ("ctrl", 160), ("xglm", 160), ("mamba", 2**31)]
)
def test_the_longest_sequence_of_a_family(family: str, positions: int) -> None:
    assert max_positions(SimpleNamespace(config=FAMILIES[family]())) == positions


@pytest.mark.parametrize(
    ("own", "of_generation", "wanted"),
    [
        (2, None, (2,)),
        (2, 5, (5,)),
        (2, [7, 5], (7, 5)),
        (None, None, ()),
        (50_256, None, ()),  # of the model that a small one was cut from
        (-1, None, ()),  # "none" to some; not the last token
        (2, [5, 400], (5,)),
        (2, "x", ()),
    ],
)
def test_ends_of_an_answer_are_tokens_of_the_vocabulary(own: Any, of_generation: Any, wanted: tuple[int, ...]) -> None:
    config = SimpleNamespace(eos_token_id=own, vocab_size=400)
    assert eos_ids(SimpleNamespace(config=config, generation_config=SimpleNamespace(eos_token_id=of_generation))) == wanted
    assert of_generation is not None or eos_ids(SimpleNamespace(config=config)) == wanted
