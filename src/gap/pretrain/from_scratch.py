"""Pretraining a small OPT from scratch on a mixture of sources, for a budget of tokens or seconds, on a CPU or a GPU."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.models.opt.configuration_opt import OPTConfig
from transformers.models.opt.modeling_opt import OPTForCausalLM

from gap.core.digest import digest, file_digest
from gap.core.errors import BadInput
from gap.core.progress import progress
from gap.corpora.tokens import open_tokenizer
from gap.params.models import ModelJob, PretrainedHere
from gap.pretrain.build_tokenizer import EOS, PAD
from gap.pretrain.memory import check_memory
from gap.pretrain.mixture import shares, training_texts
from gap.pretrain.schedule import min_validation_tokens, tokens_to_read
from gap.pretrain.token_stream import TokenStream, pack, split_validation
from gap.pretrain.trainer import Trainer, TrainingState, model_seed

#: Where unfinished runs keep their state.
ROOT = Path(".gap/pretrain")
#: More than these models train on in a second; bounds the text read for a budget in seconds.
TOKENS_PER_SECOND = {"cpu": 100_000, "cuda": 2_000_000}
#: Standard deviation of a new weight times the root of the width.  At a width of 625 this is transformers' fixed 0.02; at 64,
#: weights as small as that cost 0.06 nats of validation loss after 600,000 tokens.
INIT = 0.5


def pretrain(job: ModelJob, tokenizer: Path, out: Path, device: torch.device) -> tuple[OPTForCausalLM, TrainingState]:
    """The trained model and its final state; ``out`` is the folder it is meant for.

    About every 20 seconds the state goes to ``.gap/pretrain``; after a kill the same call ends with the same bits (for
    a budget in tokens).  ``delete_state`` removes it once the model is saved.

    Raises
    ------
    BadInput: too little text, too small a budget, a tokenizer without ``</s>``, or more parameters than memory holds.
    Refused: the loss is not finite.
    """
    settings = job.model
    assert isinstance(settings, PretrainedHere)
    batch = settings.batch * settings.sequence
    if settings.tokens is not None and settings.tokens < batch:
        cure = "Raise tokens or lower batch or sequence."
        raise BadInput(f"models.{job.name}.tokens", f"{settings.tokens}", f"at least one batch, {batch}", cure)
    backend = open_tokenizer(tokenizer)
    if backend.token_to_id(EOS) is None:
        cure = "Name a tokenizer of kind train or files, or one that has this token."
        raise BadInput(f"models.{job.name}.tokenizer", f"no token {EOS!r}", "a tokenizer with OPT's token around texts", cure)
    check_memory(job.name, settings, embeddings(backend), device)
    model: Any = new_model(settings, backend, model_seed(job))
    streams = token_streams(job, settings, backend, TOKENS_PER_SECOND[device.type])
    trainer = Trainer(job, model.to(device), streams, state_file(job, tokenizer, out))
    state, budget = trainer.state, settings.tokens or int(settings.seconds or 0)
    with progress(f"pretrain {job.name}", budget) as shown:
        while trainer.budget_fraction < 1:
            trainer.train_step()
            last = f", loss {state.curve[-1].train_loss:.3f}, validation {state.curve[-1].validation_loss:.3f}" if state.curve else ""
            done = state.tokens if settings.tokens else int(state.seconds)
            shown.step(min(done, budget) - shown.done, f"{state.tokens / max(state.seconds, 1e-9):.0f} tokens/s{last}")
    return model, state


def state_file(job: ModelJob, tokenizer: Path, out: Path) -> Path:
    """The state of a job; the path's digest holds the settings, the tokenizer and the output's path (and with it the code's version)."""
    return ROOT / digest([job.model_dump(mode="json"), file_digest(tokenizer / "tokenizer.json"), str(out)]) / "state.pt"


def delete_state(job: ModelJob, tokenizer: Path, out: Path) -> None:
    """Delete the state of a finished run, and what a process that was killed at writing it left beside it."""
    shutil.rmtree(state_file(job, tokenizer, out).parent, ignore_errors=True)


def embeddings(tokenizer: Tokenizer) -> int:
    """Rows of embeddings that the tokenizer's ids need; there may be gaps between them."""
    return max(tokenizer.get_vocab().values()) + 1


def new_model(settings: PretrainedHere, tokenizer: Tokenizer, seed: int) -> OPTForCausalLM:
    """A fresh OPT on the CPU, fp32; its weights depend on settings, largest token id and ``seed`` alone."""
    eos = tokenizer.token_to_id(EOS)
    config = OPTConfig(
        vocab_size=embeddings(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        ffn_dim=settings.ffn or 4 * settings.hidden_size,
        num_attention_heads=settings.heads,
        max_position_embeddings=settings.context,
        word_embed_proj_dim=settings.hidden_size,
        init_std=INIT / math.sqrt(settings.hidden_size),
        dropout=0.0,
        attention_dropout=0.0,
        layerdrop=0.0,
        bos_token_id=eos,
        eos_token_id=eos,
        pad_token_id=tokenizer.token_to_id(PAD),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OPTForCausalLM(config)


def token_streams(job: ModelJob, settings: PretrainedHere, tokenizer: Tokenizer, tokens_per_second: int) -> list[TokenStream]:
    """Every source's training part as token ids."""
    streams = []
    bos = tokenizer.token_to_id(EOS)
    assert bos is not None
    for name, share in shares(settings.mixture).items():
        limit = tokens_to_read(settings, share, tokens_per_second)
        ids = pack(training_texts(job.sources[name], job.seed), tokenizer, bos, limit)
        streams.append(split_validation(name, share, ids, min_validation_tokens(settings)))
    return streams
