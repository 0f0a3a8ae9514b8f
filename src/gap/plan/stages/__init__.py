"""The stages of a study that runs models, in the order of the data: of each its key, path, job and code."""

from __future__ import annotations

import importlib
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from gap.core import registry
from gap.core.errors import BadInput
from gap.generators import GENERATORS
from gap.methods import REGISTRIES
from gap.tasks.registry import TASKS

if TYPE_CHECKING:
    from gap.plan.light import LightStage
    from gap.plan.plan import Plan


def modules() -> list[ModuleType]:
    """Every stage's module of this package."""
    return [importlib.import_module(name) for name in registry.modules(__name__)]


def light_stages(plan: Plan) -> list[LightStage]:
    """The light stages that the modules of this package declare (``light_stages(plan)``).

    Raises
    ------
    BadInput: two of them give the same name, or the same path, to an output: one would write over the other's; or one reads
    what none writes.
    """
    stages = [stage for module in modules() if hasattr(module, "light_stages") for stage in module.light_stages(plan)]
    writers: dict[str, str] = {}
    for stage in stages:
        for name in (*stage.outputs, *map(str, stage.outputs.values())):
            if writers.setdefault(name, stage.name) != stage.name:
                found = f"an output of stages {writers[name]} and {stage.name}"
                raise BadInput(f"light output {name}", found, "one stage for each", "Give the new one another name.")
    for stage in stages:
        for name in stage.tables:
            if name not in writers:
                allowed = f"one of {[name for stage in stages for name in stage.outputs]}"
                cure = "Correct it where it is named: `tables` of a figure, or the stage's module of gap.plan.stages."
                raise BadInput(f"stage {stage.name}", f"{name!r}, which no light stage writes", allowed, cure)
    return [replace(stage, needs=tuple(dict.fromkeys([*stage.needs, *map(writers.__getitem__, stage.tables)]))) for stage in stages]


def stage_units() -> list[str]:
    """The units of code that do the stages' work (``CODE``)."""
    return [unit for module in modules() for unit in getattr(module, "CODE", ())]


def units() -> list[str]:
    """All units of code: those of the stages, and the modules of all extension points.

    An extension belongs to no stage: it enters the keys of what uses it, so that adding one leaves every other key as it is.
    """
    return [*dict.fromkeys([*stage_units(), *extension_units()])]


def extension_units() -> list[str]:
    """The modules of all extension points."""
    registered = [entry.module for kinds in (*REGISTRIES, GENERATORS) for entry in kinds.entries.values()]
    registered += [task.module for task in TASKS.values() if task.module]
    return [*registered, *(unit for module in modules() if hasattr(module, "extensions") for unit in module.extensions())]
