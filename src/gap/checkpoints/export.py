"""Exporting a model's best checkpoint of a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gap.checkpoints.catalogue import Checkpoint, catalogue
from gap.checkpoints.materialise import RECIPE, materialise
from gap.core.checksums import write_sums
from gap.core.errors import BadInput
from gap.core.files import read_object, write_json
from gap.runtime.runtime import Runtime

WEIGHTS = "model.safetensors"


def export(plan: dict[str, Any], model: str, out: Path, runtime: Runtime) -> None:
    """Rebuild the model's best checkpoint into ``out``; where ``out`` already holds it, only the scores in its recipe are brought up to date.

    Parameters
    ----------
    plan: plan.json of the study.
    model: a subject of the study.

    Raises
    ------
    BadInput: the model has no scored run, or a table lacks the run or its text.
    Refused: the replay differs from the recorded run by more than evaluate.replay_tolerance.
    """
    best = best_checkpoint(catalogue(plan), model, plan["methods"][0]["name"])
    if holds_checkpoint(out, best.digest):
        recipe = read_object(out / RECIPE)
        renewed = recipe | best.flat() | {"split": plan["study"]["evaluate"]["splits"][0]}
        if renewed != recipe:
            write_json(out / RECIPE, renewed)
            write_sums(out)
        for name in (WEIGHTS, RECIPE):
            os.utime(out / name)
        return
    materialise(plan, best, out, runtime)


def best_checkpoint(checkpoints: list[Checkpoint], model: str, method: str) -> Checkpoint:
    """The checkpoint of the study's own method with the highest average over all tasks on the first split; ties go to the
    smallest corpus name, then text, then step.

    Raises
    ------
    BadInput: there is none.
    """
    scored = [item for item in checkpoints if (item.model, item.method) == (model, method) and item.scores.get("all", float("nan")) >= 0]
    if not scored:
        allowed, cure = "a subject with at least one run of one update", "Run aggregate first, or name a subject of the study."
        raise BadInput(f"model {model}", f"no scored run of method {method}", allowed, cure)
    return min(scored, key=lambda item: (-item.scores["all"], item.corpus, item.text, item.step))


def holds_checkpoint(out: Path, digest: str) -> bool:
    """Whether ``out`` already holds the checkpoint with this digest."""
    return (out / WEIGHTS).exists() and (out / RECIPE).exists() and read_object(out / RECIPE).get("digest") == digest
