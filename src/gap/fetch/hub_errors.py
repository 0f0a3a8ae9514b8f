"""The hub libraries' errors as one paragraph: what was asked for, what the hub said, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gap.core.errors import BadInput, Unavailable, first_line
from gap.core.files import NOT_WRITABLE, no_room

#: The hub's answer by the library's name for it, the special before the general -> problem and cure.
ANSWERS = {
    "GatedRepoError": ("the hub asks for access first (gated)", "Accept its terms on its page, then set HF_TOKEN to your token."),
    "RepositoryNotFoundError": (
        "the hub has no such repository, or hides it from whoever asks without a token",
        "Correct the id, or set HF_TOKEN to a token that may read it.",
    ),
    "RevisionNotFoundError": ("the hub has no such revision of it", "Name a commit that the repository's page lists."),
    "RemoteEntryNotFoundError": ("no such file at this revision", "Name a revision that has it."),
}
#: The hub's answer by its HTTP status.
STATUSES = {
    401: ("the hub does not accept the token", "Correct HF_TOKEN, or unset it."),
    403: ("the hub refuses access with this token", "Set HF_TOKEN to a token that may read it."),
    429: (
        "too many requests, also after each wait that the hub asked for",
        "Start again later: what is here is kept. With HF_TOKEN set, the hub allows more requests.",
    ),
}


@contextmanager
def reaching(subject: str, cure: str) -> Iterator[None]:
    """Turn the hub libraries' errors into one paragraph.

    Parameters
    ----------
    subject: what is asked for: repository, revision and, where there is one, file.
    cure: what helps where the hub gives no answer.

    Raises
    ------
    Unavailable: no connection, offline mode, no such repository or revision, no access, no room on the disk.
    BadInput: the library rejects the names (configuration, split, a data set that is a script).
    """
    from huggingface_hub.errors import HTTPError

    try:
        yield
    except (OSError, HTTPError, ValueError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
            raise no_room(Path(error.filename or "the download folder"), error) from error
        if isinstance(error, OSError | HTTPError):
            problem, mended = _answer(error)
            allowed = "a hub that can be reached, or files that are already here"
            raise Unavailable(subject, problem, allowed, mended or cure) from error
        problem, allowed = f"the hub's library rejects it: {first_line(error)}", "names that exist at this revision"
        raise BadInput(subject, problem, allowed, "Correct id, configuration or split.") from error


def _answer(error: Exception) -> tuple[str, str]:
    """Problem and cure; no cure where the hub's answer is not a known one."""
    causes = _causes(error)
    for cause in causes:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        names = {kind.__name__ for kind in type(cause).__mro__}
        known = next((said for name, said in ANSWERS.items() if name in names), STATUSES.get(status or 0))
        if known:
            return f"{known[0]} ({status})" if status else known[0], known[1]
    return f"could not be read from the hub ({first_line(causes[-1])})", ""


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from: the library hides the hub's answer behind a missing local file."""
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return causes
