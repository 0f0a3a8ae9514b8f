"""What one forward pass needs more than once: the same mask in every layer, the same input in half precision three times."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any


class PassCache(threading.local):
    """The last value of each kind, and the object that it was computed from; each thread runs its own passes and has its own cache."""

    def __init__(self) -> None:
        self.entries: dict[Hashable, tuple[Any, Any]] = {}

    def get(self, kind: Hashable, source: Any, compute: Callable[[], Any]) -> Any:
        """What ``compute`` gives for ``source``; computed anew where the last value of this ``kind`` came from another object."""
        if kind not in self.entries or self.entries[kind][0] is not source:
            self.entries[kind] = source, compute()
        return self.entries[kind][1]

    def clear(self) -> None:
        """At the end of a pass: frees its memory; what an object holds may change before the next one."""
        self.entries.clear()


PASS_CACHE = PassCache()
