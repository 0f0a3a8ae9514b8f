"""Reading the Hugging Face hub at pinned revisions: rows and files of data sets, files of models."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from gap.core.digest import file_digest
from gap.core.errors import BadInput, Unavailable
from gap.fetch.hub_errors import reaching
from gap.fetch.hub_files import cached, card_licence, download, hold_to
from gap.fetch.origin import Origin
from gap.params.sources import HubSource

#: Files of a model that ``transformers`` reads; other frameworks' weights are left out.
MODEL_FILES = ("*.json", "*.txt", "*.safetensors", "*.bin")
#: Files of a model's tokenizer.
TOKENIZER_FILES = ("tokenizer*.json", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")
#: What helps where a stream gives no answer.
STREAM_CURE = "Connect to the network (with HF_HUB_OFFLINE unset), or copy the text here and use a source of kind files, jsonl or parquet."


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
    subject = _named(source)
    with reaching(subject, STREAM_CURE):
        rows = datasets.load_dataset(source.dataset, source.config, split=source.split, revision=source.revision, streaming=True)
        for row in rows:
            if all(str(_dotted(row, column, subject)) == value for column, value in source.where.items()):
                yield row


def stream_origin(source: HubSource) -> Origin:
    """A streamed data set with its licence.

    Raises
    ------
    Unavailable: the hub cannot be reached.
    """
    with reaching(_named(source), STREAM_CURE):
        return Origin("dataset", source.dataset, source.revision, card_licence("dataset", source.dataset, source.revision))


def _named(source: HubSource) -> str:
    return f"data set {source.dataset} at {source.revision}"


def parquet_rows(dataset: str, file: str, revision: str) -> tuple[list[dict[str, Any]], Origin]:
    """All rows of a Parquet file of data set ``dataset`` at commit ``revision``, as plain JSON values, and where they come from.

    The file is named outright: nothing depends on the data set's scripts or configuration names.  With
    ``HF_HUB_OFFLINE=1`` the library's cache is read, which must hold this very revision.

    Raises
    ------
    Unavailable: the hub cannot be reached, has no such file or revision, or sends something else than Parquet.
    Refused: the file is not the one that the hub lists.
    """
    subject = f"data set {dataset} at {revision}, file {file}"
    with reaching(subject, "Connect to the network (with HF_HUB_OFFLINE unset), or copy the sets here and use items.kind: folder."):
        path = cached("dataset", dataset, revision, file)
        licence = card_licence("dataset", dataset, revision)
    try:
        return read_parquet(path), Origin("dataset", dataset, revision, licence, {file: file_digest(path)})
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


def model_files(id: str, revision: str, out: Path, patterns: Sequence[str] = MODEL_FILES) -> Origin:
    """Copy a model's files to folder ``out``; returns what was read.

    A file is there whole or not at all.  After an interruption the same call goes on with the next file.  With ``HF_HUB_OFFLINE=1``
    all come from the library's cache, which must hold this very revision.

    Parameters
    ----------
    patterns: shell patterns of the names; ``.bin`` weights are left out where the model has ``.safetensors``.

    Raises
    ------
    Unavailable: the hub cannot be reached (or the cache lacks the revision), has no such model or revision, or no room.
    Refused: a file is not the one that the hub lists; it is not kept.
    BadInput: no file matches.
    """
    from huggingface_hub import HfApi, RepoFile, constants

    subject = f"model {id} at {revision}"
    cure = "Connect to the network (HF_HUB_OFFLINE unset), set HF_HUB_OFFLINE=1 where the cache holds it, or name a folder (`kind: local`)."
    out = Path(out)
    with reaching(subject, cure):
        if constants.HF_HUB_OFFLINE:
            names = _copy_cached(id, revision, out, patterns)
        else:
            tree = HfApi().list_repo_tree(id, recursive=True, revision=revision)
            listed = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
            names = choose(list(listed), patterns, subject)
            for name in names:
                with reaching(f"{subject}, file {name}", cure):
                    hold_to(listed[name], download(id, revision, name, local_dir=out), f"{subject}, file {name}")
        licence = card_licence("model", id, revision)
    shutil.rmtree(out / ".cache", ignore_errors=True)
    return Origin("model", id, revision, licence, {name: file_digest(out / name) for name in names})


def _copy_cached(id: str, revision: str, out: Path, patterns: Sequence[str]) -> list[str]:
    """Copy the files that match from the library's cache; their names."""
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(id, revision=revision, local_files_only=True))
    present = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    names = choose(present, patterns, f"model {id} at {revision}")
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cached("model", id, revision, name), out / name)
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
