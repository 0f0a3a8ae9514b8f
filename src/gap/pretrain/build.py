"""Building a base model's folder: a normal Hugging Face folder with its tokenizer and a provenance record."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from gap.core.files import write_text
from gap.core.folder import filling
from gap.models.load import check_weights, load_config, load_model, weight_files
from gap.models.tokenizer import TOKENIZER_FILES, load_tokenizer, without_surplus
from gap.models.weights import weights_digest
from gap.params.models import ModelJob, PretrainedHere
from gap.pretrain.existing import Found, with_weights
from gap.pretrain.from_scratch import delete_state, pretrain
from gap.pretrain.trainer import TrainingState
from gap.runtime.device import open_device
from gap.runtime.provenance import write_provenance
from gap.runtime.runtime import Runtime

#: Two-byte dtypes by their names in safetensors files.
HALF_PRECISION = {"F16": "float16", "BF16": "bfloat16"}


def build_model(job: ModelJob, tokenizer: Path, out: Path, runtime: Runtime) -> None:
    """Write the model's folder: config.json, model.safetensors, the tokenizer, pretraining.csv if trained here, provenance.json.

    Raises
    ------
    BadInput: a model that is not whole or not causal, or a tokenizer with more tokens than the model has embeddings.
    Unavailable: a mirror, the hub or the package index is out of reach, or the disk is full.
    Refused: pretraining ended in a loss that is not finite.
    """
    if isinstance(job.model, PretrainedHere):
        _pretrain(job, tokenizer, out, runtime)
    else:
        with with_weights(job.model) as found:
            _copy(job, found, tokenizer, out)


def _pretrain(job: ModelJob, tokenizer: Path, out: Path, runtime: Runtime) -> None:
    device = open_device(runtime)
    model, state = pretrain(job, tokenizer, out, device)
    facts: dict[str, Any] = {
        "tokens_seen": state.tokens,
        "train_loss": state.curve[-1].train_loss,
        "validation_loss": state.curve[-1].validation_loss,
        "device": str(device),
        "threads": runtime.threads,
        "train_seconds": round(state.seconds, 3),
        "tokens_per_second": round(state.tokens / state.seconds, 1),
    }
    with filling(out, "provenance.json") as folder:
        write_text(folder / "pretraining.csv", curve_csv(state))
        facts |= _save(model, tokenizer, folder)
        write_provenance(folder / "provenance.json", "models", job.model_dump(mode="json"), **facts)
    delete_state(job, tokenizer, out)


def curve_csv(state: TrainingState) -> str:
    """The loss curve as CSV; no times, so that the same run gives the same file."""
    rows = [",".join(map(repr, astuple(point))) for point in state.curve]
    return "\n".join([",".join(asdict(state.curve[0])), *rows]) + "\n"


def _copy(job: ModelJob, found: Found, tokenizer: Path, out: Path) -> None:
    """Copy a model as it is, in the dtype it is stored in, as one safetensors file."""
    source = found.folder
    without_surplus(load_tokenizer(tokenizer), load_config(source).vocab_size, f"models.{job.name}.tokenizer")
    model, dtype = load_model(source), stored_dtype(source)
    with filling(out, "provenance.json") as folder:
        facts = _save(model, tokenizer, folder, dtype)
        facts |= {"dtype": str(dtype), "fetched": list(map(asdict, found.origins))}
        write_provenance(folder / "provenance.json", "models", job.model_dump(mode="json"), **facts)


def stored_dtype(folder: Path) -> torch.dtype:
    """The dtype of a folder's weights where all have the same, else fp32."""
    dtypes: set[str] = set()
    for path in weight_files(check_weights(folder)):
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as stream:
                names = stream.keys()
                dtypes |= {HALF_PRECISION.get(stream.get_slice(name).get_dtype(), "float32") for name in names}
        else:
            mapped = zipfile.is_zipfile(path)  # files from before torch 1.6 are none, and cannot be mapped
            tensors = torch.load(path, map_location="meta", weights_only=True, mmap=mapped).values()
            dtypes |= {str(tensor.dtype).removeprefix("torch.") for tensor in tensors}
    return getattr(torch, dtypes.pop()) if len(dtypes) == 1 else torch.float32


def _save(model: Any, tokenizer: Path, folder: Path, dtype: torch.dtype | None = None) -> dict[str, Any]:
    """Write weights (in ``dtype``) and tokenizer; returns digest (of the weights in fp32, as they are loaded) and parameter count."""
    from transformers.utils import logging

    facts = {"weights": weights_digest(model), "parameters": sum(weight.numel() for weight in model.parameters())}
    logging.disable_progress_bar()
    (model if dtype is None else model.to(dtype)).save_pretrained(folder, max_shard_size="1TB")
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists():
            shutil.copyfile(tokenizer / name, folder / name)
    return facts
