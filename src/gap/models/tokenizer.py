"""The tokenizer of a model's or a tokenizer's folder, and the token that opens every sequence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def opening_id(tokenizer: Any) -> int:
    """The token in front of every text and context: ``bos_token``, else ``eos_token`` (OPT: ``</s>``, id 2), as lm-eval has it.

    It is put there whether or not the tokenizer's own template does so: models are trained on texts that begin with it.

    Raises
    ------
    BadInput: the tokenizer has neither.
    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    cure = "Name the one that the model was trained with in special_tokens_map.json or tokenizer_config.json."
    raise BadInput("tokenizer", "neither bos_token nor eos_token", "a token that opens a text", cure)


def with_opening(tokenizer: Any) -> Any:
    """A copy that puts the opening token, and nothing else, in front of what it encodes with special tokens; for other tools."""
    import copy

    from tokenizers.processors import TemplateProcessing

    other, opening = copy.deepcopy(tokenizer), opening_id(tokenizer)
    token = tokenizer.convert_ids_to_tokens(opening)
    other.bos_token = token
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token}:0 $A:0", pair=f"{token}:0 $A:0 $B:1", special_tokens=[(token, opening)]
    )
    return other
