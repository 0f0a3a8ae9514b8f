"""Models that exist already, each as a Hugging Face folder: from one, from the hub, or from a GGUF file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gap.core.digest import digest
from gap.core.locations import DOWNLOADS, existing
from gap.fetch.hub import TOKENIZER_FILES, model_files
from gap.fetch.package import packaged_file
from gap.models.gguf import dequantise, write_tokenizer
from gap.params.existing import ExistingModel, GgufModel, HubModel, LocalModel, PackageModel


@contextmanager
def with_weights(model: ExistingModel) -> Iterator[Path]:
    """A folder with the model's configuration and weights; what was downloaded or dequantised into it goes when the block ends.

    Raises
    ------
    BadInput: there is no such model, or not one that transformers can read.
    Unavailable: the mirror, the hub or the package index is out of reach, or the disk is full.
    """
    if isinstance(model, LocalModel):
        yield existing(model.path)
        return
    folder = DOWNLOADS / f"model-{digest(model.identity())}"
    if isinstance(model, HubModel):
        model_files(model.id, model.revision, folder)
    else:
        dequantise(_gguf(model), folder)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def with_tokenizer(model: ExistingModel) -> Iterator[Path]:
    """A folder with the files of the model's tokenizer, as ``with_weights``."""
    if isinstance(model, LocalModel):
        yield existing(model.path)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(model, HubModel):
            model_files(model.id, model.revision, folder, [*TOKENIZER_FILES, "tokenizer.model", "config.json"])
        else:
            write_tokenizer(_gguf(model), folder)
        yield folder


def _gguf(model: GgufModel | PackageModel) -> Path:
    """The GGUF file itself; one of the hub or of a package stays among the downloads, so that it is fetched once."""
    if isinstance(model, PackageModel):
        return packaged_file(model)
    if model.path:
        return existing(model.path)
    folder = DOWNLOADS / f"gguf-{digest([model.id, model.revision, model.file])}"
    if not (folder / model.file).exists():
        model_files(model.id, model.revision or "", folder, [model.file])
    return folder / model.file
