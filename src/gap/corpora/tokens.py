"""A tokenizer without the model libraries: importing those takes longer than sampling a corpus."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from gap.core.checksums import check_sums
from gap.core.errors import BadInput, refusing
from gap.core.files import read_json

TOKENIZER_FILE = "tokenizer.json"


def tokenizer_file(path: Path) -> Path:
    """The ``tokenizer.json`` that a folder holds, or the file itself.

    Raises
    ------
    BadInput: it is not there.
    """
    file = path / TOKENIZER_FILE if path.is_dir() else path
    if not file.is_file():
        allowed = f"a tokenizer folder, or its {TOKENIZER_FILE}"
        raise BadInput(str(path), f"no {TOKENIZER_FILE}", allowed, "Build the tokenizer first (gap tokenizer).")
    return file


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a folder, without truncation or padding.

    Raises
    ------
    BadInput: no ``tokenizer.json``, one that this library cannot read, or that has changed since it was made.
    """
    file = tokenizer_file(path)
    check_sums([file])
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise BadInput(str(file), "no 'model' entry", "the JSON of a fast tokenizer", "Build the tokenizer again.")
    with refusing(str(file), "no tokenizer that this library can read", "the JSON of a fast tokenizer", "Build the tokenizer again."):
        tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def encode(tokenizer: Tokenizer, text: str) -> list[int]:
    """Token ids of a text, without special tokens around them."""
    return tokenizer.encode(text, add_special_tokens=False).ids
