"""A tokenizer beside its model: every id that it gives has an embedding, and a damaged one is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny import make_model
from tokenizers import AddedToken, Tokenizer

from gap.core.checksums import SUMS
from gap.core.errors import BadInput
from gap.models.tokenizer import load_tokenizer, opening_id, without_surplus

SENTENCE = "signal motor <image> garden"


def copied(tokenizer: Path, to: Path) -> Path:
    """A copy without the sums of its files, as a stranger's folder has none."""
    shutil.copytree(tokenizer, to)
    (to / SUMS).unlink()
    return to


@pytest.fixture
def widened(tmp_path: Path, tokenizer: Path) -> tuple[Path, int]:
    """A tokenizer's folder with one more added token, and how many tokens it has without it."""
    folder = copied(tokenizer, tmp_path / "widened")
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    size = backend.get_vocab_size()
    backend.add_special_tokens([AddedToken("<image>", special=True)])
    backend.save(str(folder / "tokenizer.json"))
    return folder, size


def test_an_added_token_without_an_embedding_is_text(tmp_path: Path, tokenizer: Path, widened: tuple[Path, int]) -> None:
    folder, size = widened
    model = make_model(tmp_path / "model", folder, vocab_size=size)
    plain = load_tokenizer(tokenizer)
    found: Any = load_tokenizer(model)
    assert load_tokenizer(folder).encode(SENTENCE, add_special_tokens=False).count(size) == 1
    assert found.encode(SENTENCE, add_special_tokens=False) == plain.encode(SENTENCE, add_special_tokens=False)
    assert found.decode(found.encode(SENTENCE, add_special_tokens=False)) == SENTENCE
    assert opening_id(found) == opening_id(plain) and len(found) == size


def test_a_tokenizer_that_fits_is_left_alone(tmp_path: Path, widened: tuple[Path, int]) -> None:
    folder, size = widened
    tokenizer: Any = load_tokenizer(folder)
    assert without_surplus(tokenizer, size + 1, "x") is tokenizer
    assert (
        load_tokenizer(make_model(tmp_path / "model", folder, vocab_size=size + 1)).encode(SENTENCE, add_special_tokens=False).count(size)
        == 1
    )


@pytest.mark.parametrize("fewer", [1, 100])
def test_more_tokens_of_the_vocabulary_than_embeddings_are_refused(tmp_path: Path, tokenizer: Path, fewer: int) -> None:
    size = len(load_tokenizer(tokenizer))
    with pytest.raises(BadInput, match=f"{size} tokens. Allowed: at most {size - fewer}, the model's embeddings"):
        load_tokenizer(make_model(tmp_path / "model", tokenizer, vocab_size=size - fewer))


def test_an_opening_token_without_an_embedding_is_refused(widened: tuple[Path, int]) -> None:
    folder, size = widened
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | {"bos_token": "<image>"}))
    with pytest.raises(BadInput, match="those that open and end texts among them"):
        without_surplus(load_tokenizer(folder), size, "x")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", {"model": {"type": "BPE", "vocab": {"a": [1]}, "merges": []}}),
        ("tokenizer.json", {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}),
        ("special_tokens_map.json", {"bos_token": 7}),
        ("tokenizer_config.json", []),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, tokenizer: Path, name: str, content: object) -> None:
    folder = copied(tokenizer, tmp_path / "copy")
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(BadInput):
        load_tokenizer(folder)
