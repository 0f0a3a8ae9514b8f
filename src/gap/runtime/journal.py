"""Finished units of a long job, kept outside its output so that a killed job does not lose them.

Snakemake deletes the output of a job that was killed; the journal lives under ``.gap/journal`` and survives.  A unit
is one run of a shard.  Rows that stand in a finished table of the same folder are reused as well: asking for more texts,
steps or items computes only what is new.

Nothing is reused by its name.  The job says of each unit what determines its rows (weights, texts, settings, code), as a
digest: its *identity*.  The journal files units under it, and takes from a table beside the output only the units whose
identities its provenance record gives alike.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.checksums import record_of
from gap.core.digest import digest, file_digest, text_digest
from gap.core.errors import BadInput
from gap.core.files import read_json, temporaries, writing
from gap.core.tables import read_table, write_table
from gap.runtime.process_group import broadcast_from_first, is_first
from gap.runtime.provenance import write_provenance

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(".gap/journal")


class Journal:
    """The finished units of the job that writes ``output`` as table ``table``.

    Parameters
    ----------
    identities: unit (a value of column ``key``) -> digest of everything that determines its rows but how many there are.
    counts: how many: updates, items.  A unit in the journal is finished for these alone.
    """

    def __init__(self, output: Path, table: str, identities: Mapping[str, str], counts: object = (), key: str = "run") -> None:
        self.output, self.table, self.key = Path(output), table, key
        self.identities, self.counts = dict(identities), counts
        self.folder = ROOT / text_digest(str(self.output.parent))

    def _path(self, unit: str) -> Path:
        return self.folder / f"{digest([unit, self.identities[unit], self.counts], 24)}.parquet"

    def get(self, unit: str) -> pd.DataFrame | None:
        """The rows of a finished unit, or None; an unreadable leftover counts as not finished."""
        return broadcast_from_first(lambda: self._read(self._path(unit)))

    def _read(self, path: Path) -> pd.DataFrame | None:
        if not path.exists():
            return None
        try:
            return read_table(path, self.table)
        except BadInput:
            return None

    def add(self, unit: str, rows: pd.DataFrame) -> None:
        """Keep the rows of a finished unit."""
        if is_first():
            write_table(rows, self._path(unit), self.table)

    def siblings(self) -> Iterator[pd.DataFrame]:
        """Rows of the job's units in the finished tables beside the output, table by table in name order.

        Reading a record takes a fiftieth of looking through its table; of a table without one nothing is taken.
        """
        yield from broadcast_from_first(lambda: list(self._siblings()))

    def _siblings(self) -> Iterator[pd.DataFrame]:
        for path in sorted(self.output.parent.glob("*.parquet")):
            if path != self.output and not path.name.startswith("."):
                recorded = recorded_identities(path)
                alike = [unit for unit, identity in self.identities.items() if recorded.get(unit) == identity]
                with contextlib.suppress(BadInput):
                    if alike:
                        yield read_table(path, self.table, filters=[(self.key, "in", alike)])

    def is_finished(self) -> bool:
        """Whether the output is there and its record gives these units with these identities, and no others."""
        return broadcast_from_first(lambda: self.output.exists() and recorded_identities(self.output) == self.identities)

    def finish(self, rows: pd.DataFrame, stage: str, settings: dict[str, Any], **facts: Any) -> None:
        """Write the provenance record and the output, in this order, then drop the units it now holds."""
        if not is_first():
            return
        with writing(self.output) as temporary:
            write_table(rows, temporary, self.table)
            sha256 = file_digest(temporary)
            self.output.unlink(missing_ok=True)  # a former one never stands beside the record of this one
            write_provenance(record_of(self.output), stage, settings, identities=self.identities, sha256=sha256, **facts)
        self.discard()

    def discard(self) -> None:
        """Drop the job's units, which the output holds, and what killed writers left of them, of the output and of its record."""
        if is_first():
            units = [self._path(unit) for unit in self.identities]
            left = [path for written in (*units, self.output, record_of(self.output)) for path in temporaries(written)]
            for path in (*units, *left):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def recorded_identities(table: Path) -> dict[str, str]:
    """What a table's provenance record says of its units; empty where there is none."""
    try:
        identities = read_json(record_of(table))["identities"]
        return {str(unit): str(identity) for unit, identity in identities.items()}
    except (BadInput, KeyError, TypeError, AttributeError):
        return {}
