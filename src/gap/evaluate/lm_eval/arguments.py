"""The ``--model_args`` by which stock ``lm_eval`` reads a model as this project does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from gap.core.files import read_object, write_json
from gap.models.load import load_config
from gap.models.text import max_positions, prompt_limit
from gap.models.tokenizer import load_tokenizer, with_opening

#: Tokens of context and continuation, and of a dialogue's answer, as the authors have them.
LENGTH, NEW_TOKENS = 512, 32
CONFIG = "tokenizer_config.json"


def model_arguments(model: Path, out: Path) -> dict[str, str]:
    """Task group -> arguments for the model in folder ``model``; writes the tokenizer that they name to ``out/tokenizer``.

    That tokenizer puts the opening token in front of every text, which lm-eval leaves to the tokenizer's own template, and cuts a
    prompt that is too long behind that token, which lm-eval would cut off.

    Raises
    ------
    BadInput: no model or tokenizer in the folder, no opening token, or too few positions for any prompt.
    """
    configured = SimpleNamespace(config=load_config(model))
    prompt = prompt_limit(LENGTH, NEW_TOKENS, configured)
    folder = out.resolve() / "tokenizer"
    with_opening(load_tokenizer(model)).save_pretrained(folder)
    # transformers does not save where texts are cut
    settings = read_object(folder / CONFIG) | {"truncation_side": "left", "model_max_length": prompt}
    write_json(folder / CONFIG, settings)
    common = f"pretrained={model.resolve()},tokenizer={folder},add_bos_token=True"
    return {
        "classification": f"{common},max_length={min(LENGTH - 1, max_positions(configured))}",
        "dialogue": f"{common},truncation=True,max_length={prompt + NEW_TOKENS}",
    }
