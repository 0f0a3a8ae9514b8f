"""Extension points: a package in which every module registers what it offers under a name of its own.

A module pairs a settings class, whose key ``kind`` is the name, with a function.  ``params.yaml`` is checked against the
settings, so adding a module is all that a new kind needs (docs/extending.md).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, Union, get_args

from pydantic import Field

from gap.core.errors import BadInput
from gap.core.settings import Settings

Function = TypeVar("Function", bound=Callable[..., Any])


def modules(package: str) -> tuple[str, ...]:
    """The modules of ``package``, by dotted name."""
    path = importlib.import_module(package).__path__
    return tuple(f"{package}.{module.name}" for module in pkgutil.iter_modules(path))


def import_modules(package: str) -> None:
    """Import every module of ``package``, so that each registers what it offers."""
    for module in modules(package):
        importlib.import_module(module)


@dataclass(frozen=True)
class Entry(Generic[Function]):
    """One kind: its name, the class of its settings, its function, and the module that holds both."""

    name: str
    settings: type[Settings]
    function: Function
    module: str


class Registry(Generic[Function]):
    """The kinds that the modules of ``package`` register; the modules are imported when the kinds are first looked at."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._entries: dict[str, Entry[Function]] = {}

    def register(self, settings: type[Settings]) -> Callable[[Function], Function]:
        """Offer the decorated function under the one value that the key ``kind`` of ``settings`` admits.

        Raises
        ------
        BadInput: the key has another type, or the name is taken.
        """
        names = get_args(settings.model_fields["kind"].annotation)
        where = f"{settings.__module__}, {settings.__name__}.kind"
        if len(names) != 1:
            raise BadInput(where, repr(names), "a Literal of one name", 'Write it as `kind: Literal["name"]`.')
        if names[0] in self._entries:
            found = f"{names[0]!r}, which {self._entries[names[0]].module} has too"
            raise BadInput(where, found, f"a name of its own; taken are {sorted(self._entries)}", "Rename the new one.")

        def add(function: Function) -> Function:
            self._entries[names[0]] = Entry(names[0], settings, function, settings.__module__)
            return function

        return add

    @cached_property
    def entries(self) -> dict[str, Entry[Function]]:
        """All kinds by name, in the order of their names."""
        import_modules(self.package)
        return dict(sorted(self._entries.items()))

    def of(self, settings: Settings) -> Entry[Function]:
        """The kind that these settings belong to."""
        return self.entries[settings.kind]  # type: ignore[attr-defined]

    def union(self) -> Any:
        """A type for pydantic: the settings of any of the kinds, told apart by ``kind``."""
        kinds = tuple(entry.settings for entry in self.entries.values())
        return kinds[0] if len(kinds) == 1 else Annotated[Union[kinds], Field(discriminator="kind")]  # noqa: UP007
