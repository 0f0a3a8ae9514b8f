"""The report: one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_object
from gap.params.existing import HubModel
from gap.params.sources import AuthorsSource
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.stages import figures
from gap.published.names import GROUPS, HUB_IDS, SOURCES
from gap.tasks.registry import TASKS

CODE = ("gap.report.stage",)
#: Numbers of study published, recomputed from the authors' rows.
PUBLISHED = Path("results/published/checks/published.json")
#: Items that the authors scored of a task, where it has as many.
ITEMS = max(task.items for tasks in GROUPS.values() for task in tasks.values())


def light_stages(plan: Plan) -> list[LightStage]:
    """It reads what all other light stages write."""
    exports = tuple(f"export-{model}" for model in plan.subjects)
    needs = ("fetch_lock", "overlap", "boundary", "noise", "aggregate", "estimate", "tables", "figures", *exports)
    cells = paper_cells(plan)
    settings = {"paper": cells} if cells else {}
    return [LightStage("report", {"report": plan.results / "report.html"}, (*CODE, *figures.extensions()), needs, settings)]


def paper_cells(plan: Plan) -> list[dict[str, Any]]:
    """The authors' mean gains (fractions) where the study has the same model, texts, items and tasks; none without study published."""
    study, known = plan.study, {model: name for name, model in HUB_IDS.items()}
    models = {name: known[model.id] for name, model in study.models.items() if isinstance(model, HubModel) and model.id in known}
    sources = {name: study.sources[corpus.source] for name, corpus in study.corpora.items()}
    corpora = {name: SOURCES[source.name] for name, source in sources.items() if isinstance(source, AuthorsSource)}
    groups = [group for group, tasks in GROUPS.items() if sum(TASKS[task].group == group for task in study.tasks) == len(tasks)]
    if not (models and corpora and groups) or study.evaluate.items != ITEMS or study.items.kind == "miniature":
        return []
    try:
        numbers = read_object(PUBLISHED)["by_corpus"]
    except (BadInput, KeyError):
        return []
    cells = [{"group": group, "model": model, "corpus": corpus} for group in groups for model in models for corpus in corpora]
    rows = [numbers[cell["group"]][models[cell["model"]]][corpora[cell["corpus"]]] for cell in cells]
    return [
        cell | {"gain": row["gain"], "low": row["gain_interval"][0], "high": row["gain_interval"][1], "runs": row["runs"]}
        for cell, row in zip(cells, rows, strict=True)
    ]
