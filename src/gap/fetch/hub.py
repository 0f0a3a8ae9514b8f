"""Reading the Hugging Face hub at pinned revisions: rows and files of data sets, files of models."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput, Unavailable, first_line
from gap.core.files import NOT_WRITABLE, no_room
from gap.params.sources import HubSource

#: Files of a model that ``transformers`` reads; other frameworks' weights are left out.
MODEL_FILES = ("*.json", "*.txt", "*.safetensors", "*.bin")
#: Files of a model's tokenizer.
TOKENIZER_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")


@contextmanager
def reaching(subject: str, cure: str) -> Iterator[None]:
    """Turn the hub libraries' errors into one paragraph.

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
        reason = first_line(error)
        if isinstance(error, OSError | HTTPError):
            problem, allowed = f"could not be read from the hub ({reason})", "a hub that can be reached, or files that are already here"
            raise Unavailable(subject, problem, allowed, cure) from error
        problem, allowed = f"the hub's library rejects it: {reason}", "names that exist at this revision"
        raise BadInput(subject, problem, allowed, "Correct id, configuration or split in params.yaml.") from error


def dataset_rows(source: HubSource) -> Iterator[dict[str, Any]]:
    """Rows of a data set in its own order, streamed, only those that ``source.where`` keeps.

    Raises
    ------
    Unavailable: the hub cannot be reached, or has no such data set or revision.
    BadInput: configuration or split do not exist, or a column of ``where`` is missing.
    """
    import datasets

    if "torch" not in sys.modules:
        # a stream imports torch only to share a counter with torch's data loaders, which takes seconds
        datasets.config.TORCH_AVAILABLE = False
    subject = f"data set {source.dataset} at {source.revision}"
    cure = "Connect to the network (with HF_HUB_OFFLINE unset), or copy the text here and use a source of kind files, jsonl or parquet."
    with reaching(subject, cure):
        rows = datasets.load_dataset(source.dataset, source.config, split=source.split, revision=source.revision, streaming=True)
        for row in rows:
            if all(str(_dotted(row, column, subject)) == value for column, value in source.where.items()):
                yield row


def parquet_rows(dataset: str, file: str, revision: str) -> list[dict[str, Any]]:
    """All rows of a Parquet file of data set ``dataset`` at commit ``revision``, as plain JSON values.

    The file is named outright: nothing depends on the data set's card, scripts or configuration names.  With
    ``HF_HUB_OFFLINE=1`` the library's cache is read, which must hold this very revision.

    Raises
    ------
    Unavailable: the hub cannot be reached, has no such file or revision, or sends something else than Parquet.
    """
    from huggingface_hub import hf_hub_download

    subject = f"{dataset}@{revision}: {file}"
    with reaching(subject, "Connect to the network (with HF_HUB_OFFLINE unset), or copy the sets here and use items.kind: folder."):
        path = Path(hf_hub_download(dataset, file, repo_type="dataset", revision=revision))
    try:
        return read_parquet(path)
    except ValueError as error:
        raise Unavailable(subject, f"not a Parquet file ({error})", "the hub's Parquet file", "Fetch it again.") from error


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """All rows of a Parquet file as plain JSON values.

    Raises
    ------
    ValueError: it is not Parquet, or holds values that JSON does not have.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        if len(set(table.column_names)) < len(table.column_names):
            raise ValueError("two columns of one name")
        # pyarrow's own errors are ValueErrors
        return json.loads(json.dumps(table.to_pylist()))
    except (TypeError, OSError) as error:
        raise ValueError(str(error)) from error


def _dotted(row: dict[str, Any], column: str, subject: str) -> Any:
    """The value behind a dotted column name, e.g. ``meta.pile_set_name``."""
    value: Any = row
    for part in column.split("."):
        if not isinstance(value, dict) or part not in value:
            present = f"the columns {sorted(value)}" if isinstance(value, dict) else f"a {type(value).__name__}"
            problem = f"no {part!r} among {present}"
            raise BadInput(f"{subject}, where: {column}", problem, "a dotted path of columns", "Correct the name under `where`.")
        value = value[part]
    return value


def model_files(id: str, revision: str, out: Path, patterns: Sequence[str] = MODEL_FILES) -> list[str]:
    """Copy a model's files to folder ``out``; returns their names, sorted.

    With ``HF_HUB_OFFLINE=1`` they come from the library's cache, which must hold this very revision.

    Parameters
    ----------
    patterns: shell patterns of the names; ``.bin`` weights are left out where the model has ``.safetensors``.

    Raises
    ------
    Unavailable: the hub cannot be reached (or the cache lacks the revision), has no such model or revision, or no room.
    BadInput: no file matches.
    """
    from huggingface_hub import HfApi, constants, snapshot_download

    subject = f"model {id} at {revision}"
    cure = "Connect to the network (HF_HUB_OFFLINE unset), set HF_HUB_OFFLINE=1 where the cache holds it, or name a folder (`kind: local`)."
    out = Path(out)
    with reaching(subject, cure):
        if constants.HF_HUB_OFFLINE:
            cached = Path(snapshot_download(id, revision=revision, local_files_only=True))
            names = choose([str(path.relative_to(cached)) for path in cached.rglob("*") if path.is_file()], patterns, subject)
            for name in names:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(cached / name, out / name)
        else:
            names = choose(HfApi().list_repo_files(id, revision=revision), patterns, subject)
            snapshot_download(id, revision=revision, local_dir=out, allow_patterns=names)
            shutil.rmtree(out / ".cache", ignore_errors=True)
    return names


def choose(offered: Sequence[str], patterns: Sequence[str], subject: str) -> list[str]:
    """The names that match, without ``.bin`` weights (and their index) where there are ``.safetensors``.

    Raises
    ------
    BadInput: none matches.
    """
    names = sorted(name for name in offered if any(_matches(name, pattern) for pattern in patterns))
    if not names:
        allowed = f"a file matching one of {list(patterns)}"
        raise BadInput(subject, f"the files {sorted(offered)}", allowed, "Name another model or revision.")
    if any(name.endswith(".safetensors") for name in names):
        names = [name for name in names if not name.endswith((".bin", ".bin.index.json"))]
    return names


def _matches(name: str, pattern: str) -> bool:
    """Whether a path fits a shell pattern of the same depth (``*`` alone would cross folders)."""
    return name.count("/") == pattern.count("/") and fnmatch(name, pattern)
