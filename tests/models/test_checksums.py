"""What a folder of ours held when it was made is what is read from it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import tiny

from gap.core.checksums import SUMS, check_record, check_sums
from gap.core.errors import BadInput
from gap.core.folder import filling
from gap.core.tables import TABLES, read_table, write_table
from gap.corpora.tokens import open_tokenizer
from gap.models.load import load_model, model_identity
from gap.models.tokenizer import load_tokenizer
from gap.tasks.items import load_items


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


def test_the_sums_are_those_of_the_coreutils(tmp_path: Path) -> None:
    with filling(tmp_path / "out", "last.json") as folder:
        (folder / "last.json").write_text("{}")
        (folder / "a file.bin").write_bytes(bytes(range(256)))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [SUMS, "a file.bin", "last.json"]
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "out", check=True)
    check_sums((tmp_path / "out").iterdir())
    check_sums([tmp_path / "out/absent", tmp_path / "nowhere/x"])
    (tmp_path / "out/unlisted").write_text("x")
    check_sums([tmp_path / "out/unlisted"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder as the pipeline writes it."""
    with filling(tmp_path / "model", "config.json") as made:
        tiny.make_model(made, tiny.make_tokenizer(tmp_path / "tokenizer", tiny.text_file(tmp_path)))
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_one_flipped_bit_of_a_model_is_refused_by_name(folder: Path, name: str) -> None:
    before = model_identity(folder)
    size = 8 * (folder / name).stat().st_size
    flip(folder / name, random.Random(name).randrange(size - 4096, size) if name == "model.safetensors" else size // 2)
    assert model_identity(folder) != before
    opened = load_tokenizer if name.startswith("tokenizer") else load_model
    with pytest.raises(BadInput, match=rf"{name}: changed since it was made .*{SUMS}"):
        opened(folder)
    if name == "tokenizer.json":
        with pytest.raises(BadInput, match="changed since"):
            open_tokenizer(folder)


def test_a_folder_without_sums_is_read_as_it_is(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "own", ignore=shutil.ignore_patterns(SUMS))
    flip(tmp_path / "own/model.safetensors", 8 * ((tmp_path / "own/model.safetensors").stat().st_size - 1))
    load_model(tmp_path / "own")


def test_edited_items_are_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "validation.jsonl", [{"goal": "a", "sol1": "b", "sol2": "c", "label": 0}] * 3
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(load_items("piqa", path, 5)) == 3
    (tmp_path / "validation.provenance.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(BadInput, match=r"validation\.jsonl: changed since it was made"):
        load_items("piqa", path, 5)
    (tmp_path / "validation.provenance.json").write_text("[]")
    with pytest.raises(BadInput, match=r"a JSON list\. Allowed: a JSON object"):
        check_record(path)


def test_forty_flips_of_a_table_change_no_number(tmp_path: Path) -> None:
    """A flipped bit is an error or changes nothing that is read."""
    rows = [{"corpus": f"c{row % 3}", "text": row, "string": f"text {row} " * 9, "tokens": row, "source": "s", "document": f"d{row}", "hash": f"{row:x}"} for row in range(200)]  # fmt: skip
    path = tmp_path / "texts.parquet"
    write_table(pd.DataFrame(rows, columns=list(TABLES["texts"])), path, "texts")
    whole, wanted, noticed = path.read_bytes(), read_table(path, "texts"), 0
    for bit in random.Random(9).sample(range(8 * len(whole)), 40):
        path.write_bytes(whole)
        flip(path, bit)
        try:
            found = read_table(path, "texts")
        except BadInput:
            noticed += 1
            continue
        pd.testing.assert_frame_equal(found, wanted)
    assert noticed >= 20
