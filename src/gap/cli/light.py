"""The commands of light stages: each reads plan.json, writes what the plan names, and last its record."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from gap.cli.options import record_option


def command(target: str, help_text: str) -> Callable[..., None]:
    """The command that calls ``target`` (``module:function``) with the content of plan.json."""

    def run(plan: Annotated[Path, typer.Option(help="plan.json of the study.")]) -> None:
        from gap.core.files import read_json
        from gap.runtime.arithmetic import set_arithmetic, study_arithmetic

        document = read_json(plan)
        set_arithmetic(study_arithmetic(document))  # before the stage's module loads NumPy
        module, _, function = target.partition(":")
        getattr(importlib.import_module(module), function)(document)

    run.__doc__ = help_text
    return record_option(run)
