"""The folder behind the name of a model: a folder or a GGUF file of this machine, or a hub model fetched at one commit."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gap.core.checksums import SUMS, write_sums
from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.core.files import read_object, write_json
from gap.fetch.hub import model_files
from gap.fetch.hub_errors import reaching
from gap.models.gguf import dequantise, write_tokenizer
from gap.params.names import suggestion

HUB_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?)(?:@(?P<revision>[^@\s]+))?")
COMMIT = re.compile("[0-9a-f]{40}")
#: Written last into a fetched folder: id, revision as asked for, and commit.
SOURCE = "hub_source.json"
ALLOWED = "a Hugging Face folder (config.json, weights, tokenizer), a GGUF file, or ID or ID@REVISION of a hub model"


def opened_model(name: str, cache: Path) -> Path:
    """The model folder that ``name`` stands for; hub models are kept under ``cache``, by commit.

    A GGUF file is dequantised into such a folder, which goes by the file's digest.

    Raises
    ------
    BadInput: neither a folder with a model and its tokenizer nor a hub id.
    Unavailable: the hub is out of reach, or has no such model or revision.
    """
    path = Path(name)
    if os.path.exists(path):  # False for a name that is too long for a file, where pathlib of Python 3.11 raises
        if path.suffix == ".gguf" and path.is_file():
            return _dequantised(path, cache)
        return _checked(path if path.is_dir() else path.parent)
    hub = HUB_ID.fullmatch(name)
    if hub is None:
        raise BadInput(f"model {name}", "no such folder, and no id of a hub model", ALLOWED, "Correct the path or the id.")
    return fetched_model(hub["id"], hub["revision"] or "main", cache)


def _dequantised(file: Path, cache: Path) -> Path:
    """The folder of a GGUF file's model; its tokenizer is written last."""
    folder = cache / f"{suggestion(file.stem)}-{file_digest(file)[:12]}"
    if not (folder / SUMS).exists():
        dequantise(file, folder)
        write_tokenizer(file, folder)
        write_sums(folder)
    return folder


def fetched_model(id: str, revision: str, cache: Path) -> Path:
    """The folder of a hub model at the commit behind ``revision``; fetched once, a broken download goes on where it ended."""
    commit = resolved_commit(id, revision)
    folder = cache / f"{suggestion(id)}-{commit[:12]}"
    if hub_source(folder).get("commit") == commit:
        return folder
    model_files(id, commit, folder)
    if not (folder / "tokenizer.json").exists():
        _add_tokenizer(folder)
    write_sums(folder)
    write_json(folder / SOURCE, {"id": id, "revision": revision, "commit": commit})
    return folder


def resolved_commit(id: str, revision: str) -> str:
    """The commit (40 hex digits) that a branch or tag stands for now; with ``HF_HUB_OFFLINE=1`` as the library's cache has it."""
    if COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import HfApi, constants, snapshot_download

    cure = f"Connect to the network, name a commit that was fetched before ({id}@COMMIT), or name a folder: there is none called {id} here."
    with reaching(f"model {id} at {revision}", cure):
        if constants.HF_HUB_OFFLINE:
            return Path(snapshot_download(id, revision=revision, local_files_only=True)).name
        return str(HfApi().model_info(id, revision=revision).sha)


def hub_source(folder: Path) -> dict[str, Any]:
    """Id, revision and commit of a folder that was fetched; empty for any other."""
    return read_object(folder / SOURCE) if (folder / SOURCE).exists() else {}


def _checked(folder: Path) -> Path:
    for name, cure in (
        ("config.json", "Name the folder that holds it."),
        ("tokenizer.json", "transformers writes it: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."),
    ):
        if not (folder / name).exists():
            raise BadInput(f"model {folder}", f"no {name}", ALLOWED, cure)
    return folder


def _add_tokenizer(folder: Path) -> None:
    """Write tokenizer.json from what the folder has instead: OPT's vocab.json and merges.txt, or what transformers can convert."""
    from gap.params.tokenizers import TokenizerJob, TokenizerLocal
    from gap.pretrain.build_tokenizer import build_tokenizer

    own = TokenizerLocal(kind="local", path=str(folder))
    build_tokenizer(TokenizerJob(name=folder.name, tokenizer=own, sources={}, model=None, seed=0), folder)
