"""Other shapes of model: OPT 350M's (norms behind the layers, narrower embeddings), and other families."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gap.describe.extraction import Decoder, continuations
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
        "gpt-neo": lambda: hf.GPTNeoForCausalLM(
            hf.GPTNeoConfig(
                **SIZE,
                hidden_size=32,
                num_layers=2,
                num_heads=2,
                max_position_embeddings=80,
                attention_types=[[["global", "local"], 1]],
                window_size=8,
            )
        ),
        "mamba": lambda: hf.MambaForCausalLM(hf.MambaConfig(**SIZE, hidden_size=32, num_hidden_layers=2, state_size=8)),
        "mpt": lambda: hf.MptForCausalLM(hf.MptConfig(**SIZE, d_model=32, n_layers=2, n_heads=2, max_seq_len=40)),
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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gpt2", ""),
        ("llama", ""),
        ("gpt-neo", "below the likeliest token's"),
        ("mpt", "below the likeliest token's"),
        ("mamba", "its cache cannot be shared (AttributeError"),
    ],
)
def test_texts_are_continued_without_a_cache_where_that_is_no_greedy_decoding(name: str, reason: str) -> None:
    """A short text says nothing about a window of attention: a longer one is tried anew."""
    model, generator = make(name), torch.Generator().manual_seed(1)
    decoder = Decoder(model)
    for length in (7, 38):
        ids = torch.tensor([2, *torch.randint(3, 120, (length - 1,), generator=generator).tolist()])
        starts = [1, 5] if length == 7 else [1, 5, 19, 30]
        found = decoder.continuations(read(model, ids), starts, 8)
        for start, answer in zip(starts, found, strict=True):
            count = min(8, length - start)
            assert answer[:count] == plainly(model, ids[:start].tolist(), count)
    assert reason in decoder.reason and bool(decoder.reason) == bool(reason)


def plainly(model: Any, ids: list[int], count: int) -> list[int]:
    for _ in range(count):
        with torch.no_grad():
            ids = [*ids, int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
    return ids[-count:]
