"""Tables (CSV, Markdown, LaTeX) and figures (PDF, PNG)."""

from __future__ import annotations

from gap.params.models import PretrainedHere
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.tasks.registry import TASKS

TABLES_CODE, FIGURES_CODE = CODE = ("gap.figures.tables", "gap.figures.stage")
FIGURES = (
    "figure1_dialogue",
    "figure1_classification",
    "score_by_step",
    "gain_by_corpus",
    "methods",
    "task_heatmap",
    "familiarity",
    "pretraining",
)
TABLES = ("main", "tasks", "methods")


def figure_names(plan: Plan) -> list[str]:
    """The figures this study has."""
    groups = {TASKS[task].group for task in plan.study.tasks}
    absent = {f"figure1_{group}" for group in ("dialogue", "classification") if group not in groups}
    if not any(isinstance(model, PretrainedHere) for model in plan.study.models.values()):
        absent.add("pretraining")
    if len(plan.study.methods) == 1:
        absent.add("methods")
    return [name for name in FIGURES if name not in absent]


def table_names(plan: Plan) -> list[str]:
    """The tables this study has: none of methods where there is one only."""
    return [name for name in TABLES if name != "methods" or len(plan.study.methods) > 1]


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage for all tables, one for all figures."""
    names = [(table, ending) for table in table_names(plan) for ending in ("csv", "md", "tex")]
    # the CSV of familiarity, with every cell, is made by aggregation
    names += [("familiarity", "md"), ("familiarity", "tex")]
    tables = {f"{table}_{ending}": plan.results / "tables" / f"{table}.{ending}" for table, ending in names}
    figures = {f"{name}_{ending}": plan.figures / f"{name}.{ending}" for name in figure_names(plan) for ending in ("pdf", "png")}
    return [
        LightStage("tables", tables, (TABLES_CODE,), ("aggregate",)),
        LightStage("figures", figures | {"captions": plan.figures / "captions.json"}, (FIGURES_CODE,), ("aggregate",)),
    ]
