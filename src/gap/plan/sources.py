"""What determines a source's text or a model: the digests of its files, the Python at work, or a generator's code and seed."""

from __future__ import annotations

from typing import Any

from gap.generators import GENERATORS
from gap.params.existing import AnyModel, GgufModel, LocalModel
from gap.params.sources import AuthorsSource, FilesSource, HubSource, ProceduralSource, Source, StdlibSource, TableSource
from gap.plan.code import code_version
from gap.plan.fingerprints import Fingerprints


def source_identity(source: Source, seed: int, fingerprints: Fingerprints) -> dict[str, Any]:
    """Settings of a source with the digests of what it reads or runs; ``seed`` is the study's."""
    identity = source.identity()
    reader = code_version(source.reader)
    if reader != "v1":
        identity["reader"] = reader
    if isinstance(source, FilesSource):
        identity["paths"] = [fingerprints.of(path) for path in source.paths]
    elif isinstance(source, TableSource):
        identity["path"] = fingerprints.of_file(source.path)
    elif isinstance(source, StdlibSource):
        identity["python"] = fingerprints.python()
    elif isinstance(source, ProceduralSource):
        identity |= {"seed": seed, "code": code_version(GENERATORS.of(source.generator).module)}
    else:
        assert isinstance(source, HubSource | AuthorsSource), "pinned by revision or sha256"
    return identity


def model_identity(model: AnyModel, fingerprints: Fingerprints) -> dict[str, Any]:
    """Settings of a model with the digest of what it is read from, without its tokenizer and the text of a mixture."""
    identity = model.identity()
    del identity["tokenizer"]
    if isinstance(model, LocalModel):
        identity["path"] = fingerprints.of_folder(model.path)
    elif isinstance(model, GgufModel) and model.path:
        identity["path"] = fingerprints.of_file(model.path)
    return identity
