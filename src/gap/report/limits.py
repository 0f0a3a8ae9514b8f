"""What a reader must not conclude from this study."""

from __future__ import annotations

from functools import reduce
from operator import getitem
from typing import Any

from gap.figures.data import StudyData

#: Settings of the study's own method, and of scoring, by their keys in the study; their names and the paper's values.
PAPER = (
    ("gap.texts", "texts per corpus", 100),
    ("gap.updates", "updates tried", 15),
    ("gap.direction.kind", "direction", "ascent"),
    ("gap.optimizer.kind", "optimizer", "adam"),
    ("gap.learning_rate", "learning rate", 5e-5),
    ("gap.precision", "precision of the updates", "fp16"),
    ("evaluate.items", "items per task", 320),
    ("evaluate.precision", "precision of the scores", "fp16"),
)
MINIATURE = (
    "The evaluation items are miniature sets written for this project. "
    "They exercise the pipeline; their scores say nothing about the paper's claims."
)
TRAINED_HERE = "The base models were trained here in a short time and are far from the paper's models in size and quality."
NO_CONTROL = "There is no control: updates in another direction with the same step sizes were not tried."
#: Directions that a study with controls has.
CONTROLS = {"descent", "random"}


def limits(data: StudyData, overlap: dict[str, Any]) -> list[str]:
    """One sentence or two per limit that holds for this study."""
    study = data.study.plan["study"]
    directions = {method["gap"]["direction"]["kind"] for method in study["methods"].values()}
    split, items = data.study.split, data.study.items
    sentences = [
        f"The best step of a run is chosen on the {split} items that it is then scored on; only the last step is free of this choice.",
        "The intervals cover the choice of texts, not that of evaluation items: another set of items can move every number, "
        "also those whose interval excludes zero. "
        f"One task's accuracy over {items} items has a standard error of up to {50 / items**0.5:.1f} points.",
    ]
    if data.study.steps:
        listed = ", ".join(map(str, data.study.steps))
        sentences.append(
            f"Not every step was scored, only {listed} of each run: its best and last steps are among these, as are those that the authors' stopping rule looks at."
        )
    if not directions >= CONTROLS:
        sentences.append(NO_CONTROL)
    if study["items"]["kind"] == "miniature":
        sentences.append(MINIATURE)
    if any(model["kind"] == "pretrain" for model in study["models"].values()):
        sentences.append(TRAINED_HERE)
    settings = {"evaluate": study["evaluate"], "gap": study["methods"][data.study.primary]["gap"]}
    values = [(name, reduce(getitem, key.split("."), settings), paper) for key, name, paper in PAPER]
    different = [f"{name} {value} (paper {paper})" for name, value, paper in values if value != paper]
    if different:
        sentences.append(f"Different from the paper: {', '.join(different)}.")
    return sentences + _counted(data, overlap)


def _counted(data: StudyData, overlap: dict[str, Any]) -> list[str]:
    """What happened in this study: runs that diverged, texts that quote items."""
    sentences = []
    diverged = int(data.runs["diverged"].sum())
    if diverged:
        sentences.append(
            f"{diverged} of {len(data.runs)} runs diverged (loss or gradient not finite); "
            "such runs are scored up to their last step and kept in every count."
        )
    quoting = sum(int(corpus.get("overlapping", 0)) for corpus in overlap.get("corpora", []))
    if quoting:
        text = "1 text shares" if quoting == 1 else f"{quoting} texts share"
        words = overlap.get("words", 13)
        sentences.append(f"{text} a run of {words} words with an evaluation item and stayed among the post-training texts.")
    return sentences
