"""``gap figures`` and ``gap tables``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option

PLAN = Annotated[Path, typer.Option(help="plan.json of the study.")]


@record_option
def figures(plan: PLAN) -> None:
    """Draw every figure of the study as PDF and PNG."""
    from gap.aggregate.study_index import read_plan
    from gap.figures.stage import figures as run

    run(read_plan(plan))


@record_option
def tables(plan: PLAN) -> None:
    """Write the tables of the study as CSV, Markdown and LaTeX."""
    from gap.aggregate.study_index import read_plan
    from gap.figures.tables import tables as run

    run(read_plan(plan))
