"""``gap report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
    """Write the self-contained page of the study."""
    from gap.aggregate.study_index import read_plan
    from gap.plan.light import write_record
    from gap.report.stage import report as run

    document = read_plan(plan)
    run(document)
    write_record(document, "report")
