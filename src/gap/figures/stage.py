"""The stages ``figures`` and ``tables``: write what the plan names."""

from __future__ import annotations

from typing import Any

from gap.core.files import write_json, write_text, writing_together
from gap.core.progress import progress
from gap.figures.data import StudyData, load
from gap.figures.registry import FIGURES, TABLES
from gap.figures.table import FORMATS, Table


def figures(plan: dict[str, Any]) -> None:
    """Write ``<name>.pdf`` and ``<name>.png`` for every figure that the plan names, and captions.json.

    Nothing is replaced before all are drawn.

    Raises
    ------
    BadInput: a table to draw from is missing, or a figure is unknown.
    """
    data = load(plan)
    described = captions(data)
    with writing_together(data.study.path("figures")) as folder, progress("figures", len(plan["figure_names"])) as shown:
        for name in plan["figure_names"]:
            FIGURES[name].draw(data, folder, name)
            shown.step(note=name)
    write_json(data.study.path("captions"), described)


def captions(data: StudyData) -> dict[str, dict[str, str]]:
    """Figure name -> title with its message, caption, category, for every figure that the plan names."""
    named = [FIGURES[name] for name in data.study.plan["figure_names"]]
    titles = {figure.name: ": ".join(filter(None, (figure.title, figure.message(data).replace("\n", " ")))) for figure in named}
    return {figure.name: {"title": titles[figure.name], "caption": figure.caption(data), "category": "Figures"} for figure in named}


def tables(plan: dict[str, Any]) -> None:
    """Write every table that the plan names to the plan's paths, in its formats (CSV, Markdown, LaTeX).

    Raises
    ------
    BadInput: a table of ``gap.aggregate`` is missing, or a table is unknown.
    """
    data = load(plan)
    made = study_tables(data)  # all of them before the first is replaced
    for table in made:
        for ending in TABLES[table.name].formats:
            write_text(data.study.path(f"{table.name}_{ending}"), FORMATS[ending](table))


def study_tables(data: StudyData) -> list[Table]:
    """The tables that the plan names."""
    return [TABLES[name].build(data) for name in data.study.plan["table_names"]]
