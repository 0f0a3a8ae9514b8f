"""A model that memory cannot hold is refused before it is allocated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import OPTConfig, OPTForCausalLM

from gap.core.errors import BadInput
from gap.params.models import PretrainedHere
from gap.pretrain import memory
from gap.runtime import processor

CPU = torch.device("cpu")


def settings(width: int, **more: int) -> PretrainedHere:
    common = {
        "kind": "pretrain",
        "tokenizer": "bpe",
        "layers": 2,
        "heads": 2,
        "context": 32,
        "sequence": 16,
        "mixture": {"docs": 1.0},
        "tokens": 100,
    }
    return PretrainedHere.model_validate(common | {"hidden_size": width} | more)


@pytest.mark.parametrize("ffn", [None, 24])
def test_parameters_are_those_of_the_model(ffn: int | None) -> None:
    config = OPTConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=2, ffn_dim=ffn or 64, num_attention_heads=2, max_position_embeddings=32,
        word_embed_proj_dim=16,
    )  # fmt: skip
    with torch.device("meta"):
        model = OPTForCausalLM(config)
    assert memory.parameters(settings(16, **({"ffn": ffn} if ffn else {})), 300) == sum(weight.numel() for weight in model.parameters())


def test_a_model_of_ten_million_units_is_refused() -> None:
    memory.check_memory("nano", settings(16), 300, CPU)
    with pytest.raises(BadInput, match=r"models\.huge: 2,400,.* parameters, which take .* GiB to train") as caught:
        memory.check_memory("huge", settings(10_000_000), 300, CPU)
    assert "\n" not in str(caught.value)


def test_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "MEMINFO", tmp_path / "meminfo")
    assert memory.device_memory(CPU) is None
    memory.check_memory("huge", settings(10_000_000), 300, CPU)
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:   300 kB\nSwapFree:  20 kB\n")
    assert memory.device_memory(CPU) == 320 * 1024
