"""``gap figures`` and ``gap tables``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PLAN = Annotated[Path, typer.Option(help="plan.json of the study.")]


def figures(plan: PLAN) -> None:
    """Draw every figure of the study as PDF and PNG."""
    from gap.aggregate.study_index import read_plan
    from gap.figures.stage import figures as run
    from gap.plan.light import write_record

    document = read_plan(plan)
    run(document)
    write_record(document, "figures")


def tables(plan: PLAN) -> None:
    """Write the tables of the study as CSV, Markdown and LaTeX."""
    from gap.aggregate.study_index import read_plan
    from gap.figures.stage import tables as run
    from gap.plan.light import write_record

    document = read_plan(plan)
    run(document)
    write_record(document, "tables")
