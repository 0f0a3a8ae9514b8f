"""Models that every stage would compute wrongly are refused; those that count positions by themselves pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gap.core.errors import BadInput
from gap.models.causality import check_causal

SIZE: dict[str, Any] = {"vocab_size": 60, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.3}
WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 40}


def make(name: str) -> Any:
    import transformers as hf

    configs = {
        "opt": lambda: hf.OPTConfig(**SIZE, **WIDE, ffn_dim=32, word_embed_proj_dim=16),
        "bert": lambda: hf.BertConfig(**SIZE, **WIDE, intermediate_size=32),
        "bert-decoder": lambda: hf.BertConfig(**SIZE, **WIDE, intermediate_size=32, is_decoder=True),
        "roberta-decoder": lambda: hf.RobertaConfig(**SIZE, **WIDE, intermediate_size=32, is_decoder=True),
    }
    torch.manual_seed(5)
    return hf.AutoModelForCausalLM.from_config(configs[name]()).float().eval()


@pytest.mark.parametrize("name", ["opt", "bert-decoder"])
def test_causal_models_pass_and_determinism_stays_asked_for(name: str) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    check_causal(make(name), name)
    assert torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize(("name", "found"), [("bert", "looks ahead"), ("roberta-decoder", "positions do not count from 0")])
def test_others_are_refused(name: str, found: str) -> None:
    with pytest.raises(BadInput, match=f"folder: a model .*{found}"):
        check_causal(make(name), "folder")
