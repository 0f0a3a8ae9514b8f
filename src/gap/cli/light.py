"""The commands of light stages: each reads plan.json, writes what the plan names, and last its record."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gap.cli.options import record_option

#: Stage -> ``module:function`` that makes it from the content of plan.json, and what its command says.
STAGES = {
    "aggregate": ("gap.aggregate.stage:aggregate", "Write tidy tables, estimates, metrics and plot data."),
    "estimate": ("gap.estimate.stage:estimate", "Write estimates with intervals, and verdicts on the paper's claims."),
    "tables": ("gap.figures.stage:tables", "Write the tables of the study as CSV, Markdown and LaTeX."),
    "figures": ("gap.figures.stage:figures", "Draw every figure of the study as PDF and PNG."),
    "report": ("gap.report.stage:report", "Write the self-contained page of the study."),
    "published": ("gap.published.stage:published", "Redraw and audit the authors' released results."),
}


def make(stage: str, document: dict[str, Any]) -> None:
    """Write the outputs of a stage of ``STAGES``."""
    from gap.runtime.arithmetic import light_arithmetic, set_arithmetic

    set_arithmetic(light_arithmetic(document))  # before the stage's module loads NumPy
    module, _, function = STAGES[stage][0].partition(":")
    getattr(importlib.import_module(module), function)(document)


def commands() -> dict[str, Callable[..., None]]:
    """The commands of all stages of ``STAGES``."""
    return {stage: _command(stage) for stage in STAGES}


def _command(stage: str) -> Callable[..., None]:
    """The command of a stage of ``STAGES``."""

    def run(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
        from gap.cli.job import read_plan

        make(stage, read_plan(plan))

    run.__doc__ = STAGES[stage][1]
    return record_option(run)
