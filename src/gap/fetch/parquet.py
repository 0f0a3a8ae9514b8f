"""One Parquet file of a hub data set at a pinned commit, as rows.

The file is named outright instead of leaving it to a loader to find it: nothing depends on the data set's card, scripts
or configuration names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gap.core.errors import Unavailable


def parquet_rows(dataset: str, file: str, revision: str) -> list[dict[str, Any]]:
    """All rows of ``file`` in data set ``dataset`` at commit ``revision``, as plain JSON values.

    With ``HF_HUB_OFFLINE=1`` the library's cache is read, which must hold this very revision.

    Raises
    ------
    Unavailable: the hub cannot be reached, has no such file or revision, or sends something else than Parquet.
    """
    path = download(dataset, file, revision)
    try:
        return read_parquet(path)
    except ValueError as error:
        where = f"{dataset}@{revision}: {file}"
        raise Unavailable(where, f"not a Parquet file ({error})", "the hub's Parquet file", "Fetch it again.") from error


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """All rows of a Parquet file as plain JSON values.

    Raises
    ------
    ValueError: it is not Parquet, or holds values that JSON does not have.
    """
    import pyarrow.parquet as pq

    try:
        # pyarrow's own errors are ValueErrors
        return json.loads(json.dumps(pq.read_table(path).to_pylist()))
    except TypeError as error:
        raise ValueError(str(error)) from error


def download(dataset: str, file: str, revision: str) -> Path:
    """The file in the hub library's cache, downloaded when it is not there.

    Raises
    ------
    Unavailable: as for ``parquet_rows``.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HTTPError

    try:
        return Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))
    except (OSError, HTTPError) as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".")
        raise Unavailable(
            f"{dataset}@{revision}: {file}",
            f"could not be read from the hub ({reason})",
            "a hub that can be reached, or files that are already here",
            "Connect to the network (with HF_HUB_OFFLINE unset), or copy the sets here and use items.kind: folder.",
        ) from error
