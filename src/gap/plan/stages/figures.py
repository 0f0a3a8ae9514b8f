"""Tables (CSV, Markdown, LaTeX) and figures (PDF, PNG)."""

from __future__ import annotations

from gap.figures.registry import FIGURES, TABLES, StudyShape
from gap.figures.registry import figure_names as names_of_figures
from gap.figures.registry import table_names as names_of_tables
from gap.params.models import PretrainedHere
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.tasks.registry import TASKS

CODE = ("gap.figures.stage",)


def shape(plan: Plan) -> StudyShape:
    """What decides which figures and tables the study has."""
    groups = dict.fromkeys(TASKS[task].group for task in plan.study.tasks)
    pretrained = any(isinstance(model, PretrainedHere) for model in plan.study.models.values())
    return StudyShape(tuple(groups), tuple(plan.study.methods), pretrained, plan.study.methods[plan.primary].gap.texts)


def figure_names(plan: Plan) -> list[str]:
    """The figures this study has."""
    return names_of_figures(shape(plan))


def table_names(plan: Plan) -> list[str]:
    """The tables this study has."""
    return names_of_tables(shape(plan))


def extensions() -> tuple[str, ...]:
    """The modules of all figures and tables."""
    return (*FIGURES.modules, *TABLES.modules)


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage for all tables, one for all figures, which show the verdicts too."""
    endings = [(name, ending) for name in table_names(plan) for ending in TABLES[name].formats]
    tables = {f"{name}_{ending}": plan.results / "tables" / f"{name}.{ending}" for name, ending in endings}
    figures = {f"{name}_{ending}": plan.figures / f"{name}.{ending}" for name in figure_names(plan) for ending in ("pdf", "png")}
    figures |= {f"{name}_points": plan.figures / f"{name}.csv" for name in figure_names(plan)}  # a table may have the figure's name
    figures["captions"] = plan.figures / "captions.json"
    drawn_from = tuple(dict.fromkeys(table for name in figure_names(plan) for table in FIGURES[name].tables))
    return [
        LightStage("tables", tables, (*CODE, *TABLES.modules), ("aggregate",)),
        LightStage("figures", figures, (*CODE, *FIGURES.modules), ("aggregate", "estimate"), tables=drawn_from),
    ]
