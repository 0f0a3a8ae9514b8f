"""Writing a checkpoint as a normal Hugging Face folder, rebuilt from its recipe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.birth import versions
from gap.core.digest import text_digest
from gap.core.errors import BadInput, Refused
from gap.core.files import write_json
from gap.models.base import TOKENIZER_FILES
from gap.models.folder import filling
from gap.params.methods import Gap

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

RECIPE = "gap_recipe.json"
#: fp16 updates tried beyond those asked for: the loss scaler skips some.
SPARE = 64


def materialise(
    model_dir: Path,
    gap: Gap,
    text: str,
    updates: int,
    expected_digest: str | None,
    out: Path,
    device: str = "cpu",
    threads: int = 1,
    names: dict[str, Any] | None = None,
) -> str:
    """Write the model after ``updates`` real updates on ``text``: safetensors, tokenizer, ``gap_recipe.json`` (last).

    Parameters
    ----------
    expected_digest: of the weights, as table ``trajectories`` has it; None takes what comes.
    names: more entries of the recipe, e.g. corpus and index of the text.

    Returns
    -------
    The digest of the weights.

    Raises
    ------
    BadInput: the model or the text is not usable, or ``updates`` is below 1.
    Refused: the weights have another digest, or the run ends before that many updates.
    """
    from gap.models.load import load_model, open_device
    from gap.models.text import encode_text
    from gap.models.tokenizer import load_tokenizer
    from gap.posttrain.ascent import run_updates

    if updates < 1:
        raise BadInput("updates", str(updates), "at least 1", "Step 0 is the base model itself.")
    place: torch.device = open_device(device, threads)
    model = load_model(model_dir, place)
    ids = encode_text(load_tokenizer(model_dir), text, gap, getattr(model.config, "max_position_embeddings", None))
    base, reached, found = "", 0, ""
    for update in run_updates(model, ids, gap, updates + (SPARE if gap.precision == "fp16" else 0)):
        base = update.digest if update.epoch == 0 else base
        reached, found = update.step, update.digest
        if reached == updates:
            break
    if reached < updates:
        raise Refused(f"step {updates}", f"a run that ends at step {reached}", "a run that gets there", "Ask for an earlier step.")
    if expected_digest is not None and found != expected_digest:
        raise Refused(
            f"step {updates}",
            f"weights {found}",
            f"the recorded {expected_digest}",
            "The recorded run comes from other hardware, threads or versions: post-train again here.",
        )
    save(model, model_dir, out, recipe(gap, text, updates, base, found, {"device": str(place), "threads": threads, **(names or {})}))
    return found


def recipe(gap: Gap, text: str, step: int, base: str, digest: str, names: dict[str, Any]) -> dict[str, Any]:
    """What determines a checkpoint, and the digests of the weights it starts from and ends with."""
    return {
        "base": base,
        "gap": gap.model_dump(mode="json"),
        "text_hash": text_digest(text),
        "step": step,
        "digest": digest,
        "versions": versions(),
        **names,
    }


def save(model: PreTrainedModel, model_dir: Path, out: Path, content: dict[str, Any]) -> None:
    """Write the model as it stands, with the tokenizer of ``model_dir`` and ``content`` as its recipe."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with filling(out, RECIPE) as folder:
        model.save_pretrained(folder, max_shard_size="1TB")
        for name in TOKENIZER_FILES:
            if (model_dir / name).exists():
                shutil.copyfile(model_dir / name, folder / name)
        write_json(folder / RECIPE, content)
