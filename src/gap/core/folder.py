"""Filling an output folder so that its main file appears last and never half written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gap.core.checksums import write_sums
from gap.core.files import having_room, writing_together


@contextlib.contextmanager
def filling(out: Path, last: str) -> Iterator[Path]:
    """Yield a new folder whose files, and SHA256SUMS of them, are moved into ``out`` when the block ends well, ``last`` after all others.

    Files of the same name are replaced (read-only links too), others in ``out`` stay.

    Raises
    ------
    Unavailable: the disk is full or the folder cannot be written; ``out`` then lacks ``last`` or holds the former one.
    """
    out = Path(os.path.abspath(out))  # "." has no name
    with having_room(out):
        out.mkdir(parents=True, exist_ok=True)  # before the work
    with writing_together(out, last) as temporary:
        yield temporary
        write_sums(temporary)
        for path in temporary.iterdir():
            path.chmod(path.stat().st_mode | 0o444)  # the safetensors library keeps its files to their owner
