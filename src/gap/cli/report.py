"""``gap report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option


@record_option
def report(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
    """Write the self-contained page of the study."""
    from gap.aggregate.study_index import read_plan
    from gap.report.stage import report as run

    run(read_plan(plan))
