"""The stage: draws the figures that the plan names, with their captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.files import write_json
from gap.core.progress import progress
from gap.figures import by_step, dots, familiarity, gains, heatmap, methods, pretraining
from gap.figures.captions import captions
from gap.figures.data import Data, load


def figures(plan: dict[str, Any]) -> None:
    """Write ``<name>.pdf`` and ``<name>.png`` for every figure of the study, and captions.json.

    Raises
    ------
    BadInput: a table to draw from is missing.
    """
    data = load(plan)
    names = figure_names(data)
    folder = data.study.path("figures")
    with progress("figures", len(names)) as shown:
        for name in names:
            _draw(data, name, folder)
            shown.step(note=name)
    write_json(data.study.path("captions"), captions(data, names))


def figure_names(data: Data) -> list[str]:
    """The plan's figures; without such a list, all that the tables allow."""
    named = data.study.plan.get("figure_names")
    if named is not None:
        return list(named)
    names = [*(f"figure1_{group}" for group in data.study.groups), "score_by_step", "gain_by_corpus", "task_heatmap", "familiarity"]
    names += ["methods"] if len(data.study.methods) > 1 else []
    return names + ([] if data.pretraining.empty else ["pretraining"])


def _draw(data: Data, name: str, folder: Path) -> None:
    if name.startswith("figure1_"):
        dots.draw(data, name.removeprefix("figure1_"), folder, name)
    else:
        kinds = {
            "score_by_step": by_step.draw,
            "gain_by_corpus": gains.draw,
            "methods": methods.draw,
            "task_heatmap": heatmap.draw,
            "familiarity": familiarity.draw,
            "pretraining": pretraining.draw,
        }
        kinds[name](data, folder, name)
