"""Other shapes of model: OPT 350M's (norms behind the layers, narrower embeddings), and other families."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gap.describe.extraction import continuations
from gap.describe.gradients import FlatGradient, Target
from gap.describe.predictions import familiarity, read

from .test_extraction import generated
from .test_gradients import plain
from .test_predictions import slow

SIZE: dict[str, Any] = {"vocab_size": 120, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.3}
WIDE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 40}


def make(name: str) -> Any:
    import transformers as hf

    made = {
        "opt-350m": lambda: hf.OPTForCausalLM(
            hf.OPTConfig(**SIZE, **WIDE, ffn_dim=64, dropout=0.0, word_embed_proj_dim=16, do_layer_norm_before=False, init_std=0.3)
        ),
        "gpt2": lambda: hf.GPT2LMHeadModel(
            hf.GPT2Config(**SIZE, n_embd=32, n_layer=2, n_head=2, n_positions=40, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
        ),
        "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZE, **WIDE, num_key_value_heads=1, intermediate_size=64)),
    }
    torch.manual_seed(3)
    return made[name]().eval()


@pytest.mark.parametrize("name", ["opt-350m", "gpt2", "llama"])
def test_features_and_gradients_are_those_of_plain_code(name: str) -> None:
    model = make(name)
    ids = torch.tensor([2, *torch.randint(3, 120, (30,), generator=torch.Generator().manual_seed(1)).tolist()])
    reading = read(model, ids)
    assert familiarity(reading) == pytest.approx(slow(model, ids), abs=5e-5)
    starts = [1, 5, 19]
    assert continuations(model, reading, starts, 8) == [generated(model, ids, start, 8) for start in starts]
    target = Target(tuple(ids.tolist()), 4)
    found, wanted = FlatGradient(model).of([target]).numpy(), plain(model, [target])
    assert found == pytest.approx(wanted, abs=1e-4 * abs(wanted).max())
