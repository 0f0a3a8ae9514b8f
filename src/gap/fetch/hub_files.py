"""Files of the hub's repositories, each held to the hash that the hub lists for the revision.

That is the SHA-256 of a large file and Git's blob id of a small one.  The library compares sizes only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gap.core.digest import file_digest
from gap.core.errors import Refused

if TYPE_CHECKING:
    from huggingface_hub import RepoFile

#: The card of a repository; its first lines name the licence.
CARD = "README.md"
#: Times that a file is asked for where the connection breaks; the library itself goes on five times within each.
TRIES = 3

Kind = Literal["model", "dataset"]


def download(id: str, revision: str, file: str, **more: Any) -> Path:
    """A file of a repository, asked for again where the connection breaks; what has arrived is gone on from where the library can."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    for left in reversed(range(TRIES)):
        try:
            return Path(hf_hub_download(id, file, revision=revision, **more))
        except HfHubHTTPError:  # an answer
            raise
        except HTTPError:  # none
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def cached(kind: Kind, id: str, revision: str, file: str) -> Path:
    """A file in the library's cache, fetched where it is not there; its blob goes by the hash that the hub gave."""
    path = download(id, revision, file, repo_type=kind)
    blob = path.resolve()
    if len(blob.name) in (40, 64) and _hash_like(blob.name, blob) != blob.name:
        found = _hash_like(blob.name, blob)
        path.unlink()
        blob.unlink()
        raise _changed(f"{'data set' if kind == 'dataset' else kind} {id} at {revision}, file {file}", found, blob.name)
    return path


def hold_to(listed: RepoFile, path: Path, subject: str) -> None:
    """Refuse, and remove, a file that is not the listed one."""
    wanted = listed.lfs.sha256 if listed.lfs else listed.blob_id
    found = _hash_like(wanted, path)
    if found != wanted:
        path.unlink()
        raise _changed(subject, found, wanted)


def _hash_like(given: str, path: Path) -> str:
    """The file's hash of the kind of ``given``: SHA-256 (64 digits), or the id of a Git blob."""
    from huggingface_hub.utils.sha import git_hash

    return file_digest(path) if len(given) == 64 else git_hash(path.read_bytes())


def _changed(subject: str, found: str, wanted: str) -> Refused:
    allowed = f"{wanted}, which the hub lists for it"
    cure = "It was not kept: start again, over a network (or HF_ENDPOINT) that does not change files."
    return Refused(subject, f"hash {found} of what arrived", allowed, cure)


def card_licence(kind: Kind, id: str, revision: str) -> str | None:
    """The licence that the repository's card states at this revision; None where it has no card, or one without it.

    Raises
    ------
    OSError, HTTPError: as the library; for ``reaching``.
    """
    from huggingface_hub import RepoCard, constants
    from huggingface_hub.errors import LocalEntryNotFoundError, RemoteEntryNotFoundError

    try:
        path = cached(kind, id, revision, CARD)
    except RemoteEntryNotFoundError:
        return None
    except LocalEntryNotFoundError:
        if constants.HF_HUB_OFFLINE:
            return None
        raise
    stated = RepoCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict().get("license")
    return ", ".join(map(str, stated)) if isinstance(stated, list) else stated
