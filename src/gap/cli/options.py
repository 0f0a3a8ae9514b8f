"""Options that several commands share: where a command runs, and the record of a light stage."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from gap.runtime.arithmetic import Arithmetic, set_arithmetic
from gap.runtime.runtime import Memory, Runtime

#: Name of an option -> its type with the help, and its default.
Options = dict[str, tuple[Any, Any]]
Decorator = Callable[[Callable[..., None]], Callable[..., None]]
RUNTIME: Options = {
    "device": (Annotated[str, typer.Option(help="cpu, cuda or auto.")], "auto"),
    "threads": (Annotated[int, typer.Option(help="CPU threads, of all processes together; on a CPU the last bits depend on it.")], 1),
    "devices": (Annotated[int, typer.Option(help="Devices (on a CPU, processes) that share the model's weights: a power of two.")], 1),
    "memory": (
        Annotated[Memory, typer.Option(help="Where base snapshot, gradients and optimizer's state wait; no result depends on it.")],
        "device",
    ),
    "arithmetic": (
        Annotated[Arithmetic, typer.Option(help="portable: the same bits on every x86-64 CPU with AVX2; fast: this CPU's best.")],
        "fast",
    ),
}


def packed_options(parameter: str, pack: Callable[..., Any], options: Options) -> Decorator:
    """Give a command ``options`` in place of its keyword ``parameter``, which gets what ``pack`` makes of them."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def wrapped(*arguments: Any, **values: Any) -> None:
            given = {name: values.pop(name) for name in options if name in values}
            command(*arguments, **({} if parameter in values else {parameter: pack(**given)}), **values)

        declared = inspect.signature(command, eval_str=True)
        others = [given for name, given in declared.parameters.items() if name != parameter]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in options.items()
        ]
        wrapped.__signature__ = declared.replace(parameters=[*others, *added])  # type: ignore[attr-defined]
        return wrapped

    return decorate


def runtime_options(*names: str) -> Decorator:
    """Give a command the options that say where it runs (the named ones, or all) in place of its keyword ``runtime``."""

    def pack(**values: Any) -> Runtime:
        runtime = Runtime(**values)
        set_arithmetic(runtime.arithmetic)
        return runtime

    return packed_options("runtime", pack, {name: RUNTIME[name] for name in names or RUNTIME})


def record_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--record``: the file that says that its outputs were made for the key in the file's name, written last."""

    @wraps(command)
    def wrapped(*arguments: Any, record: Path | None = None, **values: Any) -> None:
        if record is None:
            command(*arguments, **values)
            return
        from gap.plan.light import check_record_path, write_record

        check_record_path(record)
        command(*arguments, **values)
        write_record(record)

    declared = inspect.signature(command, eval_str=True)
    help_text = "The stage's record (results/STUDY/provenance/STAGE-KEY.json), written last."
    option = Annotated[Path | None, typer.Option(help=help_text)]
    added = inspect.Parameter("record", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
    wrapped.__signature__ = declared.replace(parameters=[*declared.parameters.values(), added])  # type: ignore[attr-defined]
    return wrapped
