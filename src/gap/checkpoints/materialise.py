"""Writing a checkpoint as a normal Hugging Face folder, rebuilt from its recipe: all that determines its weights."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.checkpoints.catalogue import CURE, Checkpoint, trajectories
from gap.core.digest import text_digest
from gap.core.errors import BadInput, Refused
from gap.core.files import write_json
from gap.core.folder import filling
from gap.models.tokenizer import TOKENIZER_FILES
from gap.params.methods import Method
from gap.params.runs import RunId
from gap.runtime.process_group import is_first
from gap.runtime.provenance import versions
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
    from gap.models.text import read_texts, run_ids
    from gap.models.tokenizer import load_tokenizer
    from gap.models.weights import Snapshot, weights_digest
    from gap.posttrain.replay import ReplayCheck, replay
    from gap.runtime.device import open_device

    run = _planned_run(plan, checkpoint)
    method = Method.model_validate(plan["study"]["methods"][checkpoint.method])
    folder = Path(plan["models"][checkpoint.model]["folder"])
    if not folder.exists():
        raise BadInput(f"checkpoint {checkpoint.id}", f"no base model in {folder}", "the model that it starts from", CURE)
    rows = trajectories(plan)
    rows = rows[(rows["run"] == checkpoint.run) & (rows["epoch"] <= checkpoint.epoch)].sort_values("epoch")
    corpora = {entry["name"]: Path(entry["path"]) for entry in plan["corpora"] if checkpoint.model in entry["models"]}
    texts = read_texts([run], corpora)
    device = open_device(runtime)
    model = load_model(folder, device)
    ids, retained = run_ids(load_tokenizer(folder), run, texts, method.gap, model)
    check = ReplayCheck(plan["study"]["evaluate"]["replay_tolerance"])
    reached = 0
    for reached in replay(Snapshot(model, offload=runtime.offload, compact=True), ids, method, rows, check, retained):
        if reached == checkpoint.step:
            break
    if reached != checkpoint.step:
        raise Refused(f"checkpoint {checkpoint.id}", f"a replay that ends at step {reached}", "its step", "Post-train again here.")
    recipe = {
        **checkpoint.flat(),
        "base": {
            "settings": plan["study"]["models"][checkpoint.model],
            "key": plan["models"][checkpoint.model]["key"],
            "digest": str(rows["digest"].iloc[0]),
        },
        "settings": method.model_dump(mode="json"),
        "texts": _named_texts(run.corpus, run.texts, texts),
        **({"retained": {"corpus": kept.corpus, "texts": _named_texts(kept.corpus, kept.texts, texts)}} if (kept := run.retained) else {}),
        "split": plan["study"]["evaluate"]["splits"][0],
        "versions": versions(),
        "weights": weights_digest(model),
        "replayed": dataclasses.asdict(check),
        "device": str(device),
        "threads": runtime.threads,
    }
    save(model, folder, out, recipe)
    return recipe


def _planned_run(plan: dict[str, Any], checkpoint: Checkpoint) -> RunId:
    for entry in plan["runs"]:
        if entry["run"] == checkpoint.run:
            return RunId.model_validate({key: entry[key] for key in RunId.model_fields if key in entry})
    raise BadInput(f"run {checkpoint.run}", "not in the plan", "a run of the study", "Let the workflow aggregate again.")


def _named_texts(corpus: str, indices: list[list[int]], texts: dict[tuple[str, int], str]) -> list[list[dict[str, Any]]]:
    """Index and hash of each text, update by update."""
    return [[{"text": index, "hash": text_digest(texts[corpus, index])} for index in update] for update in indices]


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
