"""``gap aggregate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option


@record_option
def aggregate(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
    """Write tidy tables, estimates, metrics and plot data."""
    from gap.aggregate.stage import aggregate as run
    from gap.aggregate.study_index import read_plan

    run(read_plan(plan))
