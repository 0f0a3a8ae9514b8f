"""Writing a checkpoint as a normal Hugging Face folder, rebuilt from its recipe."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.checkpoints.catalogue import CURE, Checkpoint
from gap.checkpoints.recipe import method_of, recipe, rows_until, run_of, run_texts
from gap.core.errors import BadInput, Refused
from gap.core.files import write_json
from gap.core.folder import filling
from gap.models.tokenizer import TOKENIZER_FILES
from gap.runtime.process_group import is_first
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RECIPE = "gap_recipe.json"


def materialise(plan: dict[str, Any], checkpoint: Checkpoint, out: Path, runtime: Runtime) -> dict[str, Any]:
    """Rebuild a checkpoint from its recipe into ``out``: safetensors, tokenizer, ``gap_recipe.json`` (last).

    Returns
    -------
    The recipe, which holds the digest that was recorded (``digest``), that of the weights written (``weights``), and how
    near the replay came (``replayed``).

    Raises
    ------
    BadInput: the base model, the run or its texts are absent or not usable.
    Refused: the base model is another one, or the replay differs from the recorded run by more than
        evaluate.replay_tolerance.
    """
    from gap.models.load import load_model
    from gap.models.text import run_ids
    from gap.models.tokenizer import load_tokenizer
    from gap.models.weights import Snapshot, weights_digest
    from gap.posttrain.replay import ReplayCheck, replay
    from gap.runtime.device import open_device

    folder = Path(plan["models"][checkpoint.model]["folder"])
    if not folder.exists():
        raise BadInput(f"checkpoint {checkpoint.id}", f"no base model in {folder}", "the model that it starts from", CURE)
    run, rows, method = run_of(plan, checkpoint), rows_until(plan, checkpoint), method_of(plan, checkpoint)
    texts = run_texts(plan, checkpoint.model, run)
    device = open_device(runtime)
    model = load_model(folder, device)
    ids = run_ids(load_tokenizer(folder), run, texts, method.gap, model)
    check = ReplayCheck(plan["study"]["evaluate"]["replay_tolerance"])
    reached = 0
    for reached in replay(Snapshot(model, offload=runtime.offload, compact=True), ids, method, rows, check):
        if reached == checkpoint.step:
            break
    if reached != checkpoint.step:
        raise Refused(f"checkpoint {checkpoint.id}", f"a replay that ends at step {reached}", "its step", "Post-train again here.")
    content = recipe(plan, checkpoint, run, texts) | {
        "weights": weights_digest(model),
        "replayed": dataclasses.asdict(check),
        "device": str(device),
        "threads": runtime.threads,
    }
    save(model, folder, out, content)
    return content


def save(model: PreTrainedModel, model_dir: Path, out: Path, content: dict[str, Any]) -> None:
    """Write the model as it stands, with the tokenizer of ``model_dir`` and ``content`` as its recipe."""
    from transformers.utils import logging

    from gap.models.sharding import full_state_dict

    logging.disable_progress_bar()
    state = full_state_dict(model)
    if not is_first():
        return
    with filling(out, RECIPE) as folder:
        model.save_pretrained(folder, state_dict=state, max_shard_size="1TB")
        for name in TOKENIZER_FILES:
            if (model_dir / name).exists():
                shutil.copyfile(model_dir / name, folder / name)
        write_json(folder / RECIPE, content)
