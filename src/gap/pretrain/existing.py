"""Models that exist already, each as a Hugging Face folder: from one, from the hub, or from a GGUF file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gap.core.digest import digest
from gap.core.files import read_object, write_json
from gap.core.locations import DOWNLOADS, existing
from gap.fetch.hub import TOKENIZER_FILES, model_files
from gap.fetch.origin import Origin
from gap.fetch.package import packaged_file
from gap.models.gguf import dequantise, write_tokenizer
from gap.params.existing import ExistingModel, GgufModel, HubModel, LocalModel, PackageModel


@dataclass(frozen=True)
class Found:
    """A folder with files of a model, and what was fetched for it (nothing for a model of this machine)."""

    folder: Path
    origins: tuple[Origin, ...] = ()


@contextmanager
def with_weights(model: ExistingModel) -> Iterator[Found]:
    """A folder with the model's configuration and weights; what was downloaded or dequantised into it goes when the block ends well.

    Raises
    ------
    BadInput: there is no such model, or not one that transformers can read.
    Unavailable: the mirror, the hub or the package index is out of reach, or the disk is full.
    Refused: a file is not the one that the hub or the settings name.
    """
    if isinstance(model, LocalModel):
        yield Found(existing(model.path))
        return
    folder = DOWNLOADS / f"model-{digest(model.identity())}"
    if isinstance(model, HubModel):
        origins: tuple[Origin, ...] = (model_files(model.id, model.revision, folder),)
    else:
        file, origins = _gguf(model)
        dequantise(file, folder)
    yield Found(folder, origins)
    shutil.rmtree(folder)


@contextmanager
def with_tokenizer(model: ExistingModel) -> Iterator[Found]:
    """A folder with the files of the model's tokenizer, as ``with_weights``."""
    if isinstance(model, LocalModel):
        yield Found(existing(model.path))
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(model, HubModel):
            origins: tuple[Origin, ...] = (
                model_files(model.id, model.revision, folder, [*TOKENIZER_FILES, "tokenizer.model", "config.json"]),
            )
        else:
            file, origins = _gguf(model)
            write_tokenizer(file, folder)
        yield Found(folder, origins)


def _gguf(model: GgufModel | PackageModel) -> tuple[Path, tuple[Origin, ...]]:
    """The GGUF file itself; one of the hub or of a package stays among the downloads, so that it is fetched once."""
    if isinstance(model, PackageModel):
        wheels = [Origin("package", part.package, part.version, None, {f"{part.package}.whl": part.sha256}) for part in model.parts]
        return packaged_file(model), tuple(wheels)
    if model.path:
        return existing(model.path), ()
    folder = DOWNLOADS / f"gguf-{digest([model.id, model.revision, model.file])}"
    record = folder / "origin.json"
    if not record.exists():
        write_json(record, asdict(model_files(model.id, model.revision or "", folder, [model.file])))
    return folder / model.file, (Origin(**read_object(record)),)
