"""Options that several commands share: where a command runs, and the record of a light stage."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from gap.runtime.runtime import Runtime


class Memory(Enum):
    """Values of ``--memory``."""

    device = "device"
    host = "host"


OPTIONS: dict[str, tuple[Any, Any]] = {
    "device": (Annotated[str, typer.Option(help="cpu, cuda or auto.")], "auto"),
    "threads": (Annotated[int, typer.Option(help="CPU threads, of all processes together; on a CPU the last bits depend on it.")], 1),
    "devices": (Annotated[int, typer.Option(help="Devices (on a CPU, processes) that share the model's weights: a power of two.")], 1),
    "memory": (
        Annotated[Memory, typer.Option(help="Where base snapshot, gradients and optimizer's state wait; no result depends on it.")],
        Memory.device,
    ),
}


def runtime_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the named options (all where none is named) in place of its parameter ``runtime``."""
    wanted = names or tuple(OPTIONS)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def wrapped(*arguments: Any, **values: Any) -> None:
            given = {name: values.pop(name) for name in wanted if name in values}
            if "memory" in given:
                given["memory"] = given["memory"].value
            command(*arguments, **{"runtime": Runtime(**given), **values})

        declared = inspect.signature(command, eval_str=True)
        kept = [parameter for name, parameter in declared.parameters.items() if name != "runtime"]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=OPTIONS[name][1], annotation=OPTIONS[name][0])
            for name in wanted
        ]
        wrapped.__signature__ = declared.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
        return wrapped

    return decorate


def record_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--record``: the file that says that its outputs were made for the key in the file's name, written last."""

    @wraps(command)
    def wrapped(*arguments: Any, record: Path | None = None, **values: Any) -> None:
        command(*arguments, **values)
        if record is not None:
            from gap.plan.light import write_record

            write_record(record)

    declared = inspect.signature(command, eval_str=True)
    help_text = "The stage's record (results/STUDY/provenance/STAGE-KEY.json), written last."
    option = Annotated[Path | None, typer.Option(help=help_text)]
    added = inspect.Parameter("record", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
    wrapped.__signature__ = declared.replace(parameters=[*declared.parameters.values(), added])  # type: ignore[attr-defined]
    return wrapped
