"""What one forward pass needs more than once: the same mask in every layer, the same input in half precision three times."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class PassCache(threading.local):
    """The last thing made of each kind, and what it was made of; each thread runs passes of its own."""

    def __init__(self) -> None:
        self.kept: dict[Hashable, tuple[Any, Any]] = {}

    def of(self, kind: Hashable, source: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gives of ``source``, made anew where the last of its ``kind`` was made of another object."""
        if kind not in self.kept or self.kept[kind][0] is not source:
            self.kept[kind] = source, make()
        return self.kept[kind][1]

    def forget(self) -> None:
        """Behind a pass: its memory is free, and what stood in an object may change."""
        self.kept.clear()


PASS_CACHE = PassCache()
