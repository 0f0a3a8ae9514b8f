"""Errors that a user can act on.

Each says in one paragraph where the problem is, what was found, what is allowed and how to mend it.  The command line
prints that paragraph and exits with ``exit_code``; anything else that escapes is a defect of ours and shows a traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class GapError(Exception):
    """A problem with a known cause.

    Parameters
    ----------
    where: the file, key or column concerned.
    found: what was found there.
    allowed: what is allowed there.
    cure: what the user can do.
    """

    exit_code = 1

    def __init__(self, where: str, found: str, allowed: str, cure: str) -> None:
        self.where, self.found, self.allowed, self.cure = where, found, allowed, cure
        super().__init__(f"{where}: {found}. Allowed: {allowed}. {cure}")

    def __reduce__(self) -> tuple[type[GapError], tuple[str, str, str, str]]:
        """Made anew from its parts in another process: an exception is pickled by its message alone."""
        return type(self), (self.where, self.found, self.allowed, self.cure)


class BadInput(GapError):
    """A parameter, file or column that does not hold what it must (exit code 2)."""

    exit_code = 2


class Unavailable(GapError):
    """Something outside the project is out of reach: a hub, a mirror, disk space (exit code 3)."""

    exit_code = 3


class Refused(GapError):
    """A result that would not be trustworthy is not produced: a replay or a digest that differs (exit code 4)."""

    exit_code = 4


def first_line(error: BaseException) -> str:
    """What another library's error says, in its first line and without a full stop; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")


@contextmanager
def refusing(where: str, found: str, allowed: str, cure: str) -> Iterator[None]:
    """Turn whatever another library raises in the block, which reads what a user gave, into ``BadInput``.

    What a library raises over a damaged file is not for us to list (tokenizers even panics).  ``found`` is followed by what it says.
    Errors of our own pass, and those of the machine: no memory, a key pressed.
    """
    try:
        yield
    except (GapError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise BadInput(where, f"{found} ({first_line(error)})", allowed, cure) from error
