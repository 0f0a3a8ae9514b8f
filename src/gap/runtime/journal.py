"""Finished units of a long job, kept outside its output so that a killed job does not lose them.

Snakemake deletes the output of a job that was killed; the journal lives under ``.gap/journal`` and survives.  A unit
is one run of a shard.  Its name must hold everything that determines its rows besides the folder of the output, which
already carries the digests of model, task and settings (see ``gap.plan``).  Rows that stand in a finished file of the
same folder are reused as well: asking for more texts, steps or items computes only what is new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.digest import text_digest
from gap.core.errors import BadInput
from gap.core.tables import read_table, write_table
from gap.runtime.process_group import broadcast_from_first, is_first

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(".gap/journal")


class Journal:
    """The finished units of the job that writes ``output`` as table ``table``; column ``key`` names what a unit is about."""

    def __init__(self, output: Path, table: str, key: str = "run") -> None:
        self.output, self.table, self.key = Path(output), table, key
        self.folder = ROOT / text_digest(str(self.output.parent))
        self.used: list[Path] = []

    def _path(self, unit: str) -> Path:
        return self.folder / f"{unit}.parquet"

    def get(self, unit: str) -> pd.DataFrame | None:
        """The rows of a finished unit, or None; an unreadable leftover counts as not finished."""
        return broadcast_from_first(lambda: self._read(unit))

    def _read(self, unit: str) -> pd.DataFrame | None:
        path = self._path(unit)
        if not path.exists():
            return None
        try:
            rows = read_table(path, self.table)
        except BadInput:
            return None
        self.used.append(path)
        return rows

    def add(self, unit: str, rows: pd.DataFrame) -> None:
        """Keep the rows of a finished unit."""
        if is_first():
            write_table(rows, self._path(unit), self.table)
        self.used.append(self._path(unit))

    def siblings(self, runs: list[str], accept: Callable[[Path], bool] = lambda _: True) -> Iterator[pd.DataFrame]:
        """Rows of these runs (values of the key) in the finished files beside the output that ``accept`` takes, file by file in name order."""
        yield from broadcast_from_first(lambda: list(self._siblings(runs, accept)))

    def _siblings(self, runs: list[str], accept: Callable[[Path], bool]) -> Iterator[pd.DataFrame]:
        for path in sorted(self.output.parent.glob("*.parquet")):
            if path != self.output and not path.name.startswith(".") and accept(path):
                with contextlib.suppress(BadInput):
                    yield read_table(path, self.table, filters=[(self.key, "in", runs)])

    def finish(self, rows: pd.DataFrame) -> None:
        """Write the output, then drop the units it now holds."""
        if not is_first():
            return
        write_table(rows, self.output, self.table)
        for path in self.used:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()
