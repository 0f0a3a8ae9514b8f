"""Tiny random models of the families of transformers that generate text: two layers, width 32, 400 entries, 160 positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Tokens that a window of attention reaches back, where a family has one; shorter than some of the tests' items.
W = 24
ids: dict[str, Any] = {"vocab_size": 400, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.3}
wide = ids | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 160}
llama = wide | {"num_key_value_heads": 1, "intermediate_size": 64}
moe = {"num_experts": 4, "num_experts_per_tok": 2}


def _config(kind: str, **settings: Any) -> Callable[[], Any]:
    def make() -> Any:
        from transformers import AutoConfig

        return AutoConfig.for_model(kind, **settings)

    return make


FAMILIES: dict[str, Callable[[], Any]] = {
    "apertus": _config("apertus", **llama),
    "arcee": _config("arcee", **llama),
    "bloom": _config("bloom", **ids, hidden_size=32, n_layer=2, n_head=2),
    "biogpt": _config("biogpt", **wide, intermediate_size=64),
    "codegen": _config("codegen", **ids, n_embd=64, n_layer=2, n_head=4, n_positions=160, n_ctx=160, rotary_dim=8),
    "cohere": _config("cohere", **llama),
    "cohere2": _config("cohere2", **llama, sliding_window=W),
    "ctrl": _config("ctrl", **ids, n_embd=32, n_layer=2, n_head=2, n_positions=160, dff=64),
    "deepseek_v3": _config(
        "deepseek_v3",
        **wide,
        num_key_value_heads=2,
        intermediate_size=64,
        moe_intermediate_size=16,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=1,
        topk_group=1,
        kv_lora_rank=16,
        q_lora_rank=16,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=16,
        first_k_dense_replace=1,
    ),
    "ernie4_5": _config("ernie4_5", **llama, head_dim=16),
    "exaone4": _config("exaone4", **llama, sliding_window=W),
    "falcon": _config(
        "falcon", **ids, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, alibi=False, new_decoder_architecture=False
    ),
    "falcon-alibi": _config(
        "falcon", **ids, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, alibi=True, new_decoder_architecture=False
    ),
    "gemma": _config("gemma", **llama, head_dim=16),
    "gemma2": _config("gemma2", **llama, head_dim=16, sliding_window=W),
    "gemma3_text": _config("gemma3_text", **llama, head_dim=16, sliding_window=W),
    "glm": _config("glm", **llama, head_dim=16),
    "glm4": _config("glm4", **llama, head_dim=16),
    "gpt2": _config("gpt2", **ids, n_embd=32, n_layer=2, n_head=2, n_positions=160),
    "gpt_bigcode": _config("gpt_bigcode", **ids, n_embd=32, n_layer=2, n_head=2, n_positions=160),
    "gpt_neo": _config(
        "gpt_neo",
        **ids,
        hidden_size=32,
        num_layers=2,
        num_heads=2,
        max_position_embeddings=160,
        window_size=W,
        attention_types=[[["global", "local"], 1]],
    ),
    "gpt_neox": _config("gpt_neox", **wide, intermediate_size=64),
    "gptj": _config("gptj", **ids, n_embd=32, n_layer=2, n_head=2, n_positions=160, rotary_dim=8),
    "gpt_oss": _config("gpt_oss", **llama, head_dim=16, num_local_experts=4, num_experts_per_tok=2, sliding_window=W),
    "granite": _config("granite", **llama),
    "helium": _config("helium", **llama, head_dim=16),
    "jamba": _config(
        "jamba", **llama, num_experts=2, use_mamba_kernels=False, mamba_d_state=8, mamba_dt_rank=4, attn_layer_period=2, attn_layer_offset=1
    ),
    "lfm2": _config("lfm2", **llama, layer_types=["conv", "full_attention"]),
    "llama": _config("llama", **llama),
    "mamba": _config("mamba", **ids, hidden_size=32, num_hidden_layers=2, state_size=8),
    "mamba2": _config("mamba2", **ids, hidden_size=32, num_hidden_layers=2, state_size=8, num_heads=4, head_dim=16, n_groups=1),
    "mistral": _config("mistral", **llama, sliding_window=W),
    "mixtral": _config("mixtral", **llama, num_local_experts=4, sliding_window=None),
    "mpt": _config("mpt", **ids, d_model=32, n_layers=2, n_heads=2, max_seq_len=160),
    "nemotron": _config("nemotron", **llama, head_dim=16),
    "olmo": _config("olmo", **llama),
    "olmo2": _config("olmo2", **llama),
    "olmoe": _config("olmoe", **llama, num_experts=4, num_experts_per_tok=2),
    "opt": _config("opt", **wide, ffn_dim=64, word_embed_proj_dim=32, dropout=0.0),
    "persimmon": _config("persimmon", **wide, intermediate_size=64),
    "phi": _config("phi", **wide, intermediate_size=64),
    "phi3": _config("phi3", **llama, sliding_window=W),
    "qwen2": _config("qwen2", **llama, use_sliding_window=True, sliding_window=W, max_window_layers=0),
    "qwen2_moe": _config(
        "qwen2_moe", **llama, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16, shared_expert_intermediate_size=16
    ),
    "qwen3": _config("qwen3", **llama, head_dim=16),
    "qwen3_next": _config(
        "qwen3_next",
        **llama,
        head_dim=16,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        linear_num_value_heads=2,
        linear_num_key_heads=2,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        layer_types=["linear_attention", "full_attention"],
    ),
    "recurrent_gemma": _config(
        "recurrent_gemma",
        **wide,
        num_key_value_heads=1,
        intermediate_size=64,
        lru_width=32,
        attention_window_size=W,
        block_types=["recurrent", "attention"],
        head_dim=16,
    ),
    "rwkv": _config("rwkv", **ids, hidden_size=32, num_hidden_layers=2, context_length=160, attention_hidden_size=32),
    "seed_oss": _config("seed_oss", **llama, head_dim=16),
    "smollm3": _config("smollm3", **llama),
    "stablelm": _config("stablelm", **llama),
    "starcoder2": _config("starcoder2", **llama, sliding_window=W),
    "xglm": _config(
        "xglm",
        vocab_size=400,
        d_model=32,
        num_layers=2,
        attention_heads=2,
        ffn_dim=64,
        max_position_embeddings=160,
        bos_token_id=2,
        eos_token_id=2,
        pad_token_id=1,
    ),
    "zamba2": _config(
        "zamba2",
        **wide,
        num_key_value_heads=2,
        intermediate_size=64,
        mamba_d_state=8,
        n_mamba_heads=2,
        mamba_headdim=32,
        use_mem_rope=False,
        layers_block_type=["mamba", "hybrid"],
        num_mem_blocks=1,
        use_shared_attention_adapter=False,
        adapter_rank=4,
    ),
}


#: Those that differ most in how they attend and count positions; the others are tried by ``make test-all``.
FEW = ("bloom", "codegen", "falcon-alibi", "gemma3_text", "gpt_oss", "lfm2", "mpt", "qwen2", "qwen3_next", "rwkv", "xglm")


def make_family(name: str) -> Any:
    """The model, in eval mode."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(11)
    return AutoModelForCausalLM.from_config(FAMILIES[name]()).float().eval()
