"""The command: one line of a rule, and what a wrong one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny

from gap.cli.describe import describe
from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.params.describe import DescribeJob

from .conftest import settings


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    return f"code={tiny.texts_table(tmp_path / 'code.parquet', 'code', [tiny.essay(1, 12)])}"


def job(**changes: object) -> str:
    made = DescribeJob(model="nano", describe=settings(), max_tokens=64, max_length=64, tasks=[], corpora={"code": "k"}, first=0, last=1)
    return json.dumps(made.model_dump(mode="json") | changes)


def test_a_file_of_the_models_folder_stands_for_the_folder(model: Path, corpus: str, tmp_path: Path) -> None:
    describe(job(), model / "config.json", [corpus], tmp_path / "out.parquet", [], device="cpu")
    assert len(read_table(tmp_path / "out.parquet", "text_features")) == 8


def test_wrong_options(model: Path, corpus: str, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    with pytest.raises(BadInput, match=r"--job, corpora.*Field required"):
        describe(
            json.dumps({key: value for key, value in json.loads(job()).items() if key != "corpora"}),
            model,
            [corpus],
            out,
            [],
            device="cpu",
        )
    with pytest.raises(BadInput, match="continuation: 2 tokens hold no 3-gram"):
        describe(job(describe=settings().model_dump() | {"continuation": 2}), model, [corpus], out, [], device="cpu")
    with pytest.raises(BadInput, match=r"'cpoa'.*copa"):
        describe(job(), model, [corpus], out, ["cpoa/validation=items.jsonl"], device="cpu")
    with pytest.raises(BadInput, match=r"no config\.json"):
        describe(job(), tokenizer_only(model, tmp_path), [corpus], out, [], device="cpu")
    with pytest.raises(BadInput, match="auto, cpu or cuda"):
        describe(job(), model, [corpus], out, [], device="tpu")
    assert not out.exists()


def tokenizer_only(model: Path, folder: Path) -> Path:
    """A model's folder that lost everything but its tokenizer."""
    (folder / "lost").mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / "lost" / name).write_bytes((model / name).read_bytes())
    return folder / "lost"
