"""A small byte-level BPE and tiny random models of five architectures, with weights large enough to have opinions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

WORDS = "the cat sat on a mat and User 1 : User 2 : you said that it is not so , but I think we can go there now . Yes ? No !"
VOCABULARY = 400


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def small_models_have_scoring_models() -> None:
    """The tiny models here stand for ones worth a scoring model."""
    from gap.evaluate.engine import scoring_model as module

    module.MIN_SIZE = 0


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gap.pretrain import build_tokenizer as module

    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [f"{WORDS}\nUser 1: {WORDS.lower()}\nUser 2: number {number * 37}" for number in range(40)]
    backend = module.assemble(*module.train(texts, VOCABULARY))
    backend.save(str(folder / "tokenizer.json"))
    module.write_json(folder / "tokenizer_config.json", module.TOKENIZER_CONFIG)
    module.write_json(folder / "special_tokens_map.json", module.SPECIAL_TOKENS_MAP)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Any:
    from gap.models.tokenizer import load_tokenizer

    return load_tokenizer(tokenizer_folder)


def make_model(name: str) -> Any:
    """A tiny model with random weights; opt-post is shaped like OPT 350M."""
    import transformers as hf

    size: dict[str, Any] = {"vocab_size": VOCABULARY, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "initializer_range": 0.3}
    wide = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 160}
    opt = size | wide | {"ffn_dim": 64, "dropout": 0.0}
    llama = size | wide | {"num_key_value_heads": 1, "intermediate_size": 64}
    made = {
        "opt": lambda: hf.OPTForCausalLM(hf.OPTConfig(**opt, word_embed_proj_dim=32)),
        "opt-post": lambda: hf.OPTForCausalLM(hf.OPTConfig(**opt, word_embed_proj_dim=16, do_layer_norm_before=False)),
        "gpt2": lambda: hf.GPT2LMHeadModel(
            hf.GPT2Config(**size, n_embd=32, n_layer=2, n_head=2, n_positions=160, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
        ),
        "gpt-neox": lambda: hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**size, **wide, intermediate_size=64)),
        "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**llama)),
        "qwen2": lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**llama)),
        "granite": lambda: hf.GraniteForCausalLM(hf.GraniteConfig(**llama, logits_scaling=4.0)),
    }
    torch.manual_seed(11)
    return made[name]().eval()


@pytest.fixture(scope="session")
def models() -> Any:
    from functools import cache

    return cache(make_model)


@pytest.fixture(scope="session")
def model_folder(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny OPT with its tokenizer, as a folder."""
    import shutil

    folder = tmp_path_factory.mktemp("model")
    shutil.copytree(tokenizer_folder, folder, dirs_exist_ok=True)
    make_model("opt").save_pretrained(folder)
    return folder
