"""Exporting a model's best checkpoint of a study."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.checkpoints.materialise import RECIPE, recipe, save
from gap.core.errors import BadInput, Refused
from gap.core.files import read_json
from gap.core.tables import read_table
from gap.models.text import encode_text
from gap.params.methods import Gap

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = "model.safetensors"
#: The average over all tasks in table ``run_scores``.
AVERAGE = "all"


@dataclass(frozen=True)
class Best:
    """A checkpoint and the score it was chosen for."""

    run: str
    corpus: str
    text: int
    step: int
    split: str
    value: float


def export(plan: dict[str, Any], model: str, out: Path, device: str, threads: int) -> None:
    """Rebuild the model's best checkpoint into ``out``; nothing to do where that very checkpoint already stands.

    Parameters
    ----------
    plan: plan.json of the study.
    model: a subject of the study.

    Raises
    ------
    BadInput: the model has no scored run, or a table lacks the run or its text.
    Refused: the replay differs from the recorded run by more than evaluate.replay_tolerance.
    """
    best = best_checkpoint(read_table(Path(plan["light"]["run_scores"]), "run_scores"), model, plan["study"]["evaluate"]["splits"][0])
    rows = run_rows(plan, best)
    wanted = rows.loc[rows["real"] & (rows["step"] == best.step), "digest"].iloc[0]
    if is_there(out, wanted):
        for name in (WEIGHTS, RECIPE):
            os.utime(out / name)
        return
    _rebuild(plan, model, best, rows, out, device, threads)


def best_checkpoint(scores: pd.DataFrame, model: str, split: str) -> Best:
    """The (run, step) with the highest average over all tasks on ``split``, step 0 left out; ties go to the smallest
    corpus name, then text, then step.

    Raises
    ------
    BadInput: there is none.
    """
    kept = scores[
        (scores["model"] == model)
        & (scores["task"] == AVERAGE)
        & (scores["split"] == split)
        & (scores["step"] >= 1)
        & (scores["metric"] != "nll")
    ]
    kept = kept[kept["value"].notna()]
    if kept.empty:
        raise BadInput(
            f"model {model}",
            f"no scored run on {split}",
            "a subject with at least one run of one update",
            "Run aggregate first, or name a subject of the study.",
        )
    first = kept.sort_values(["value", "corpus", "text", "step"], ascending=[False, True, True, True]).iloc[0]
    return Best(str(first["run"]), str(first["corpus"]), int(first["text"]), int(first["step"]), split, float(first["value"]))


def run_rows(plan: dict[str, Any], best: Best) -> pd.DataFrame:
    """The run's rows of table ``trajectories`` up to the best step.

    Raises
    ------
    BadInput: the table lacks it.
    """
    place = Path(plan["light"]["trajectories"])
    rows = read_table(place, "trajectories", filters=[("run", "=", best.run)]).sort_values("epoch")
    reached = rows.loc[rows["real"] & (rows["step"] == best.step), "epoch"]
    if reached.empty:
        raise BadInput(str(place), f"no step {best.step} of run {best.run}", "every scored step", "Run aggregate again.")
    return rows[rows["epoch"] <= reached.iloc[0]]


def run_text(plan: dict[str, Any], model: str, best: Best) -> str:
    """The text of the run, as the model's own tokenizer cut it.

    Raises
    ------
    BadInput: the corpus lacks it.
    """
    place = next(Path(entry["path"]) for entry in plan["corpora"] if entry["name"] == best.corpus and model in entry["models"])
    found = read_table(place, "texts", columns=["text", "string"], filters=[("text", "=", best.text)])
    if found.empty:
        raise BadInput(str(place), f"no text {best.text}", "the texts of the study", "Sample the corpus again.")
    return str(found["string"].iloc[0])


def is_there(out: Path, digest: str) -> bool:
    """Whether ``out`` already holds the checkpoint with this digest."""
    return (out / WEIGHTS).exists() and (out / RECIPE).exists() and read_json(out / RECIPE).get("digest") == digest


def _rebuild(plan: dict[str, Any], model: str, best: Best, rows: pd.DataFrame, out: Path, device: str, threads: int) -> None:
    from gap.models.load import load_model, open_device
    from gap.models.tokenizer import load_tokenizer
    from gap.models.weights import Snapshot, weights_digest
    from gap.posttrain.replay import replay

    folder, text = Path(plan["models"][model]["folder"]), run_text(plan, model, best)
    gap = Gap.model_validate(plan["study"]["gap"])
    place = open_device(device, threads)
    network = load_model(folder, place)
    ids = encode_text(load_tokenizer(folder), text, gap, getattr(network.config, "max_position_embeddings", None))
    steps = list(replay(network, Snapshot(network), ids, gap, rows, plan["study"]["evaluate"]["replay_tolerance"]))
    reached = steps[-1] if steps else 0
    if reached != best.step:
        raise Refused(f"run {best.run}", f"a replay that ends at step {reached}", f"step {best.step}", "Post-train again here.")
    names = {
        "model": model,
        "method": str(rows["method"].iloc[0]),
        "corpus": best.corpus,
        "text": best.text,
        "run": best.run,
        "value": best.value,
        "split": best.split,
        "weights": weights_digest(network),
        "device": str(place),
        "threads": threads,
    }
    save(network, folder, out, recipe(gap, text, best.step, str(rows["digest"].iloc[0]), str(rows["digest"].iloc[-1]), names))
