"""A tiny Llama with its tokenizer as a GGUF file, written by gguf's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import pre_tokenizers

HIDDEN, FFN, HEADS, LAYERS = 64, 128, 2, 2
WORDS = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "Ġa", "cd"]
PIECES = ["<unk>", "<s>", "</s>", *WORDS]


def write_gguf(path: Path, kind: str = "Q4_1", seed: int = 0, leave_out: str = "") -> dict[str, np.ndarray]:
    """A tiny Llama with its tokenizer as GGUF, matrices quantised; returns what each tensor is, dequantised by gguf's own code."""
    import gguf

    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(PIECES))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(PIECES)
    writer.add_token_types([2, 3, 3, *[1] * len(WORDS)])
    writer.add_token_merges(["a b", "Ġ a", "c d"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    kinds = gguf.GGMLQuantizationType
    dequantised: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int) -> None:
        if name == leave_out:
            return
        values = random.normal(0, 0.3, shape).astype(np.float32)
        wanted = kinds[kind] if len(shape) == 2 else kinds.F32
        stored = values if wanted == kinds.F32 else gguf.quants.quantize(values, wanted)
        dequantised[name] = values if wanted == kinds.F32 else gguf.quants.dequantize(stored, wanted)
        writer.add_tensor(name, stored, raw_dtype=wanted)

    add("token_embd.weight", len(PIECES), HIDDEN)
    add("output_norm.weight", HIDDEN)
    add("output.weight", len(PIECES), HIDDEN)
    for layer in range(LAYERS):
        for name, *shape in (
            ("attn_norm", HIDDEN),
            ("ffn_norm", HIDDEN),
            *((f"attn_{part}", HIDDEN, HIDDEN) for part in ("q", "k", "v", "output")),
            ("ffn_gate", FFN, HIDDEN),
            ("ffn_up", FFN, HIDDEN),
            ("ffn_down", HIDDEN, FFN),
        ):
            add(f"blk.{layer}.{name}.weight", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return dequantised
