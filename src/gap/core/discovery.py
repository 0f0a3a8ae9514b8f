"""Extension points without settings: a package whose modules register what they offer under a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from gap.core.errors import BadInput
from gap.core.registry import import_modules, modules


class Registered(Protocol):
    """What a module registers: a name, and a number by which the items are ordered."""

    @property
    def name(self) -> str: ...
    @property
    def order(self) -> int: ...


Item = TypeVar("Item", bound=Registered)


class Catalogue(Generic[Item]):
    """The items that the modules of ``package`` register; the modules are imported when the items are first read."""

    def __init__(self, package: str) -> None:
        self.package = package
        self._items: dict[str, Item] = {}

    def add(self, item: Item) -> None:
        """Register ``item``.

        Raises
        ------
        BadInput: the name is taken.
        """
        if item.name in self._items:
            allowed = f"a name of its own for each; taken are {sorted(self._items)}"
            raise BadInput(self.package, f"two modules that register {item.name!r}", allowed, "Rename the new one.")
        self._items[item.name] = item

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of the package, by dotted name."""
        return modules(self.package)

    @cached_property
    def items(self) -> dict[str, Item]:
        """All items by name, in their order."""
        import_modules(self.package)
        return dict(sorted(self._items.items(), key=lambda item: (item[1].order, item[0])))

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items.values())

    def __getitem__(self, name: str) -> Item:
        """The item of that name.

        Raises
        ------
        BadInput: no module registers it.
        """
        if name not in self.items:
            cure = f"Correct the name, or add a module to {self.package} (docs/extending.md)."
            raise BadInput(self.package, f"the unknown name {name!r}", f"one of {list(self.items)}", cure)
        return self.items[name]
