"""The tokenizer of a model's or a tokenizer's folder, and the token that opens every sequence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.checksums import check_sums
from gap.core.errors import BadInput, refusing
from gap.core.files import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: Files of a tokenizer that travel with a model.
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
#: Tokens with a task of their own.
ROLES = ("bos_token", "eos_token", "unk_token", "pad_token")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer in ``folder``; where that holds a model too, without added tokens for which the model has no embedding.

    Gemma 3's tokenizer has such a one, for images; as text it is then spelled like any other.

    Raises
    ------
    BadInput: there is none, it is not readable, it has more tokens than the model embeddings, or it has changed since the folder was
        made (SHA256SUMS).
    """
    from transformers import PreTrainedTokenizerFast

    folder = Path(folder)
    if not (folder / "tokenizer.json").exists():
        raise BadInput(str(folder), "no tokenizer.json", "a folder with a tokenizer", "Remove the folder and run again.")
    check_sums(folder / name for name in TOKENIZER_FILES)
    read_object(folder / "tokenizer.json")
    allowed = "tokenizer.json, tokenizer_config.json and special_tokens_map.json as transformers writes them"
    with refusing(str(folder), "no tokenizer that transformers can read", allowed, "Fetch or build it again."):
        tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    config = folder / "config.json"
    embeddings = read_object(config).get("vocab_size") if config.exists() else None
    return without_surplus(tokenizer, embeddings, str(folder)) if isinstance(embeddings, int) else tokenizer


def without_surplus(tokenizer: Any, embeddings: int, where: str) -> Any:
    """The tokenizer without added tokens whose ids are ``embeddings`` or more; itself where there is none.

    Raises
    ------
    BadInput: other tokens have such ids, or one that opens or ends texts.
    """
    if max(tokenizer.get_vocab().values(), default=-1) < embeddings:
        return tokenizer
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < embeddings]
    kept = Tokenizer.from_str(json.dumps(content))
    named = {name: token for name in ROLES if (token := getattr(tokenizer, name)) is not None}
    special = {name: token for name, token in named.items() if kept.token_to_id(token) is not None}
    if max(kept.get_vocab().values(), default=-1) >= embeddings or {"bos_token", "eos_token"} & (named.keys() - special.keys()):
        allowed = f"at most {embeddings}, the model's embeddings, those that open and end texts among them"
        raise BadInput(where, f"{len(tokenizer)} tokens", allowed, "Name the tokenizer that belongs to the model.")
    return PreTrainedTokenizerFast(tokenizer_object=kept, **special)


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
    from tokenizers.processors import TemplateProcessing

    other, opening = copy.deepcopy(tokenizer), opening_id(tokenizer)
    token = tokenizer.convert_ids_to_tokens(opening)
    other.bos_token = token
    other.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token}:0 $A:0", pair=f"{token}:0 $A:0 $B:1", special_tokens=[(token, opening)]
    )
    return other
