"""A tiny tokenizer and model, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from gap.params.sources import FilesSource


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> FilesSource:
    return tiny.text_file(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, source: FilesSource) -> Path:
    return tiny.make_tokenizer(tmp_path_factory.mktemp("tokenizer"), source)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("model"), tokenizer)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals and states go under .gap of the working folder."""
    monkeypatch.chdir(tmp_path)
