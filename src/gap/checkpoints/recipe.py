"""A checkpoint's recipe: all that determines its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.checkpoints.catalogue import Checkpoint, trajectories
from gap.core.digest import text_digest
from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.params.methods import Method
from gap.params.runs import RunId
from gap.runtime.provenance import versions

if TYPE_CHECKING:
    import pandas as pd


def run_of(plan: dict[str, Any], checkpoint: Checkpoint) -> RunId:
    """The planned run that a checkpoint belongs to.

    Raises
    ------
    BadInput: the plan has no such run.
    """
    for entry in plan["runs"]:
        if entry["run"] == checkpoint.run:
            return RunId.model_validate({key: entry[key] for key in RunId.model_fields if key in entry})
    raise BadInput(f"run {checkpoint.run}", "not in the plan", "a run of the study", "Let the workflow aggregate again.")


def method_of(plan: dict[str, Any], checkpoint: Checkpoint) -> Method:
    """The settings of its method."""
    return Method.model_validate(plan["study"]["methods"][checkpoint.method])


def rows_until(plan: dict[str, Any], checkpoint: Checkpoint) -> pd.DataFrame:
    """The run's rows of table ``trajectories`` up to the checkpoint."""
    rows = trajectories(plan)
    return rows[(rows["run"] == checkpoint.run) & (rows["epoch"] <= checkpoint.epoch)].sort_values("epoch")


def run_texts(plan: dict[str, Any], model: str, run: RunId) -> dict[tuple[str, int], str]:
    """(corpus, index) -> text of every text of a run, as the model's own tokenizer cut it.

    Raises
    ------
    BadInput: the corpus lacks one.
    """
    path = next(Path(entry["path"]) for entry in plan["corpora"] if entry["name"] == run.corpus and model in entry["models"])
    table = read_table(path, "texts", columns=["text", "string"])
    texts = {(run.corpus, int(index)): str(string) for index, string in zip(table["text"], table["string"], strict=True)}
    lacking = [index for update in run.texts for index in update if (run.corpus, index) not in texts]
    if lacking:
        raise BadInput(str(path), f"no text {lacking[0]}", "the texts of the study", "Sample the corpus again.")
    return texts


def recipe(plan: dict[str, Any], checkpoint: Checkpoint, run: RunId, texts: dict[tuple[str, int], str]) -> dict[str, Any]:
    """What determines the checkpoint, and the digests of the weights it starts from and ends with."""
    model, base = checkpoint.model, str(rows_until(plan, checkpoint)["digest"].iloc[0])
    return {
        **checkpoint.flat(),
        "base": {"settings": plan["study"]["models"][model], "key": plan["models"][model]["key"], "digest": base},
        "settings": method_of(plan, checkpoint).model_dump(mode="json"),
        "texts": [[{"text": index, "hash": text_digest(texts[run.corpus, index])} for index in update] for update in run.texts],
        "split": plan["study"]["evaluate"]["splits"][0],
        "versions": versions(),
    }
