"""Known problems as one paragraph and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from gap.core.errors import BadInput, GapError
from gap.core.files import no_room
from gap.core.secrets import redacted

#: Errors of a path that is not what it must be, or that this user may not touch.
OF_PATHS = frozenset(
    {
        errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EBUSY, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO,
        errno.EACCES, errno.EPERM, errno.EROFS,
    }
)  # fmt: skip
#: Characters of a path that a message shows.
SHOWN = 200


def known_problem(act: Callable[[], object]) -> tuple[int, str]:
    """Call ``act``; (exit code, paragraph without secrets) of a known problem (2 bad input, 3 unavailable, 4 refused), or (0, "")."""
    try:
        act()
    except (GapError, OSError) as error:
        problem = known_error(error)
        return problem.exit_code, redacted(f"gap: {problem}")
    return 0, ""


def known_error(error: GapError | OSError) -> GapError:
    """The error that says what is wrong; where nobody knows, ``error`` is raised again."""
    if isinstance(error, GapError):
        return error
    if error.errno == errno.ENOSPC:
        return no_room(Path(error.filename or "output"), error)
    if error.errno in OF_PATHS and error.filename is not None:
        return unusable_path(error)
    raise error


def unusable_path(error: OSError) -> BadInput:
    """The error for a path that no earlier check had looked at; of two, as in a renaming, the second."""
    path = os.fsdecode(error.filename2 or error.filename) or "an empty path"
    if len(path) > SHOWN:
        path = f"{path[:SHOWN]}..."
    found = os.strerror(error.errno or 0).lower()
    return BadInput(path, found, "a path that can be read or written as this command needs it", "Correct the path, or what lies there.")


def exit_code(act: Callable[[], object]) -> int:
    """Call ``act``; 0, or the exit code of a known problem, which is said on stderr, and on stdout where that is a log on a full disk."""
    code, paragraph = known_problem(act)
    if code:
        try:
            print(paragraph, file=sys.stderr, flush=True)
        except OSError:
            os.dup2(1, 2)  # what waits in the buffer of stderr goes there too
            print(paragraph, file=sys.stdout, flush=True)
    return code


def say_unknown(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show the traceback of a problem that nobody foresaw, without secrets (``sys.excepthook``)."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))
