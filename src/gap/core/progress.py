"""Progress: a bar on a terminal, a plain line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Seconds between two lines of a log.
EVERY = 15.0


class Progress:
    """Counts finished units and says so on stderr.

    On a terminal this is a ``tqdm`` bar; elsewhere a line ``label: done/total (seconds) note`` at most every ``EVERY``
    seconds, so that logs stay short.
    """

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self.done, self.start, self.last_line = 0, time.monotonic(), time.monotonic()
        self.bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=total, desc=label)

    def step(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` units as done; ``note`` is shown behind the count."""
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
            self.bar.set_postfix_str(note)
        elif time.monotonic() - self.last_line >= EVERY:
            self._line(note)

    def _line(self, note: str) -> None:
        self.last_line = time.monotonic()
        print(f"{self.label}: {self.done}/{self.total} ({self.last_line - self.start:.0f} s) {note}".rstrip(), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Say the last count."""
        if self.bar is not None:
            self.bar.close()
        else:
            self._line("done" if self.done >= self.total else "stopped")


@contextmanager
def progress(label: str, total: int) -> Iterator[Progress]:
    """A ``Progress`` that closes itself."""
    shown = Progress(label, total)
    try:
        yield shown
    finally:
        shown.close()
