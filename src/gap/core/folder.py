"""Filling an output folder so that its main file appears last and never half written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from gap.core.checksums import write_sums
from gap.core.files import NOT_WRITABLE, beside, no_room


@contextlib.contextmanager
def filling(out: Path, last: str) -> Iterator[Path]:
    """Yield a new folder whose files, and SHA256SUMS of them, are moved into ``out`` when the block ends well, ``last`` after all others.

    Files of the same name are replaced (read-only links too), others in ``out`` stay.

    Raises
    ------
    Unavailable: the disk is full or the folder cannot be written; ``out`` then lacks ``last`` or holds the former one.
    """
    out = Path(os.path.abspath(out))  # "." has no name
    temporary = beside(out, f".{out.name}.{os.getpid()}.tmp")
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        yield temporary
        write_sums(temporary)
        for path in sorted(temporary.iterdir(), key=lambda path: (path.name == last, path.name)):
            path.chmod(path.stat().st_mode | 0o444)  # the safetensors library keeps its files to their owner
            os.replace(path, out / path.name)
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise no_room(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
