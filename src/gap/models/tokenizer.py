"""The tokenizer of a model's or a tokenizer's folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.checksums import check_sums
from gap.core.errors import BadInput
from gap.core.files import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: Files of a tokenizer that travel with a model.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in ``folder``.

    Raises
    ------
    BadInput: there is none, it is not readable, or it has changed since the folder was made (SHA256SUMS).
    """
    from transformers import PreTrainedTokenizerFast

    if not (Path(folder) / "tokenizer.json").exists():
        raise BadInput(str(folder), "no tokenizer.json", "a folder with a tokenizer", "Remove the folder and run again.")
    check_sums(Path(folder) / name for name in TOKENIZER_FILES)
    read_object(Path(folder) / "tokenizer.json")
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
