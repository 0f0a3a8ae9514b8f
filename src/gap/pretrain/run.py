"""Training a small OPT from scratch on a mixture of sources: tokens or seconds, a CPU or a GPU."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gap.core.digest import digest, file_digest
from gap.core.progress import progress
from gap.params.jobs import ModelJob
from gap.params.models import PretrainedHere
from gap.pretrain.mixture import shares, training_texts
from gap.pretrain.schedule import check_budget, least, tokens_to_read
from gap.pretrain.token_stream import Stream, pack, split
from gap.pretrain.trainer import Record, Training

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import OPTForCausalLM

#: Where unfinished runs keep their state.
ROOT = Path(".gap/pretrain")
#: More than these models train on in a second; bounds the text read for a budget in seconds.
TOKENS_PER_SECOND = {"cpu": 100_000, "cuda": 2_000_000}
#: Standard deviation of a new weight times the root of the width.  At a width of 625 this is transformers' fixed 0.02; at 64,
#: weights as small as that cost 0.06 nats of validation loss after 600,000 tokens.
INIT = 0.5
#: OPT's token that begins and ends a text, and its padding.
EDGE, PAD = "</s>", "<pad>"


def pretrain(job: ModelJob, tokenizer: Path, out: Path, device: torch.device) -> tuple[OPTForCausalLM, Record]:
    """The trained model and its record; ``out`` is the folder it is meant for.

    About every 20 seconds the state goes to ``.gap/pretrain``; after a kill the same call ends with the same bits (for
    a budget in tokens).  ``forget`` drops the state once the model is saved.

    Raises
    ------
    BadInput: too little text or too small a budget.
    Refused: the loss is not finite.
    """
    from tokenizers import Tokenizer

    settings = job.model
    assert isinstance(settings, PretrainedHere)
    check_budget(settings, job.name)
    backend = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    seed = int(digest([job.seed, job.name]), 16)
    model: Any = new_model(settings, backend, seed)
    model.to(device)
    streams = read_streams(job, settings, backend, device)
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and has_bf16(device))
    training = Training(job.name, settings, model, streams, seed, state_place(job, tokenizer, out), device, bf16)
    _train(training)
    return model, training.at


def _train(training: Training) -> None:
    budget = training.settings.tokens or int(training.settings.seconds or 0)
    with progress(f"pretrain {training.name}", budget) as shown:
        while training.spent() < 1:
            training.advance()
            at = training.at
            last = f", loss {at.curve[-1].train_loss:.3f}, validation {at.curve[-1].validation_loss:.3f}" if at.curve else ""
            done = at.tokens if training.settings.tokens else int(at.seconds)
            shown.step(min(done, budget) - shown.done, f"{at.tokens / max(at.seconds, 1e-9):.0f} tokens/s{last}")


def state_place(job: ModelJob, tokenizer: Path, out: Path) -> Path:
    """The state file of a job: its digest holds the settings, the tokenizer and the output's path (there with it the code's version)."""
    return ROOT / digest([job.model_dump(mode="json"), file_digest(tokenizer / "tokenizer.json"), str(out)]) / "state.pt"


def forget(job: ModelJob, tokenizer: Path, out: Path) -> None:
    """Drop the state of a finished run."""
    place = state_place(job, tokenizer, out)
    place.unlink(missing_ok=True)
    if place.parent.exists():
        place.parent.rmdir()


def new_model(settings: PretrainedHere, tokenizer: Tokenizer, seed: int) -> OPTForCausalLM:
    """A fresh OPT on the CPU, fp32; its weights depend on settings, vocabulary size and ``seed`` alone."""
    from transformers.models.opt.configuration_opt import OPTConfig
    from transformers.models.opt.modeling_opt import OPTForCausalLM

    edge = tokenizer.token_to_id(EDGE)
    config = OPTConfig(
        vocab_size=tokenizer.get_vocab_size(),
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
        bos_token_id=edge,
        eos_token_id=edge,
        pad_token_id=tokenizer.token_to_id(PAD),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OPTForCausalLM(config)


def read_streams(job: ModelJob, settings: PretrainedHere, tokenizer: Tokenizer, device: torch.device) -> list[Stream]:
    """Every source's training part as token ids."""
    streams = []
    edge = tokenizer.token_to_id(EDGE)
    assert edge is not None
    for name, share in shares(settings.mixture).items():
        limit = tokens_to_read(settings, share, TOKENS_PER_SECOND[device.type])
        ids = pack(training_texts(job.sources[name], job.seed), tokenizer, edge, limit)
        streams.append(split(name, share, ids, least(settings)))
    return streams


def has_bf16(device: torch.device) -> bool:
    """Whether the machine multiplies bf16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
