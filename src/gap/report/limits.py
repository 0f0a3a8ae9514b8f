"""What a reader must not conclude from this study, and the settings behind it beside the paper's."""

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


def limits(data: StudyData) -> list[str]:
    """What a reader must not conclude from the study as a whole: one sentence or two per limit that holds for it."""
    study = data.study.plan["study"]
    sentences = []
    if study["items"]["kind"] == "miniature":
        sentences.append(MINIATURE)
    if any(model["kind"] == "pretrain" for model in study["models"].values()):
        sentences.append(TRAINED_HERE)
    different = [f"{name} {value} (paper {paper})" for name, value, paper in _settings(data) if value != paper]
    if different:
        sentences.append(f"Different from the paper: {', '.join(different)}.")
    return sentences


def _settings(data: StudyData) -> list[tuple[str, Any, Any]]:
    """Name, value and the paper's value of what ``PAPER`` lists."""
    study = data.study.plan["study"]
    settings = {"evaluate": study["evaluate"], "gap": study["methods"][data.study.primary]["gap"]}
    return [(name, reduce(getitem, key.split("."), settings), paper) for key, name, paper in PAPER]


def methods_box(data: StudyData) -> list[tuple[str, str, str]]:
    """Name, this study's value and the paper's: models, texts, tasks, methods, and the settings of ``PAPER``."""
    study = data.study
    references = f"; for reference {', '.join(study.references.values())}" if study.references else ""
    rows = [
        ("models", f"{', '.join(study.subjects.values())}{references}", "OPT 350M, 1.3B, 2.7B; for reference 6.7B"),
        ("texts", ", ".join(study.corpora.values()), "TDEC, CC, Git."),
        ("methods", ", ".join(study.methods.values()), "ascent"),
        ("tasks", ", ".join(f"{len(study.tasks(group))} {group}" for group in study.groups), "4 dialogue, 8 classification"),
        ("scored steps", ", ".join(map(str, study.steps)) or "every real one", "every one, until the early stop"),
    ]
    return rows + [(name, str(value), str(paper)) for name, value, paper in _settings(data)]


def of_runs(data: StudyData, overlap: dict[str, Any]) -> list[str]:
    """What limits the runs: steps that were not scored, runs that diverged, texts that quote items."""
    sentences = []
    if data.study.steps:
        listed = ", ".join(map(str, data.study.steps))
        sentences.append(f"Not every step was scored, only {listed} of each run: its best and last steps are among these.")
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
