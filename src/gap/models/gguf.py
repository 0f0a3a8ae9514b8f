"""GGUF files, the form of llama.cpp: dequantised by transformers into a Hugging Face folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput, refusing
from gap.core.files import read_object, write_json
from gap.models.quiet import quiet_transformers

MAGIC = b"GGUF"


def dequantise(file: Path, folder: Path) -> None:
    """Write configuration and fp32 weights of the model in ``file`` to ``folder``.

    Raises
    ------
    BadInput: not a GGUF file, one that is cut off, of a model that transformers cannot read, or without all its weights.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _reading(file):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    model, info = loaded
    if missing := sorted(info["missing_keys"]):
        raise BadInput(str(file), f"no weights for {missing[0]}, {len(missing)} in all", "a value for every parameter", "Use another file.")
    model.hf_quantizer = None  # else transformers takes the fp32 weights for quantised ones
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir(parents=True)
    model.save_pretrained(folder, max_shard_size="1TB")


def write_tokenizer(file: Path, folder: Path) -> None:
    """Write the tokenizer in ``file`` to ``folder``.

    Raises
    ------
    BadInput: as ``dequantise``, or the file holds no tokenizer that transformers can read.
    """
    from transformers import AutoTokenizer

    with _reading(file):
        tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name, local_files_only=True)
    tokenizer.save_pretrained(folder)
    _drop_foreign_tokens(folder)


def _drop_foreign_tokens(folder: Path) -> None:
    """Take out what the file's vocabulary does not have: transformers adds GPT-2's ``<|endoftext|>``, for which the model has no embedding."""
    path = folder / "tokenizer.json"
    content = read_object(path)
    vocabulary = content["model"]["vocab"]
    if isinstance(vocabulary, dict):
        content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in vocabulary]
        write_json(path, content)
        config = read_object(folder / "tokenizer_config.json")
        foreign = [name for name, token in config.items() if name.endswith("_token") and isinstance(token, str) and token not in vocabulary]
        write_json(folder / "tokenizer_config.json", {name: value for name, value in config.items() if name not in foreign})


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Without transformers' own bars and warnings; its errors in one paragraph."""
    with file.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise BadInput(str(file), "no GGUF file", "a file that begins with GGUF", "Name a file of llama.cpp's form.")
    allowed, cure = "a whole file of a causal language model", "Fetch the file again, or use the model's own weights (kind: hub or local)."
    with (
        quiet_transformers(),
        redirect_stderr(io.StringIO()),
        refusing(str(file), "not a model that transformers can read from GGUF", allowed, cure),
    ):
        yield
