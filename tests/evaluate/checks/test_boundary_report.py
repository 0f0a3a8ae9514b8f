"""Items whose continuation merges with the end of its context: counted and listed with both encodings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gap.cli.evaluate import boundary
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.evaluate.checks.boundary import boundary_report
from gap.fetch.source_file import MINIATURE
from gap.tasks.items import load_items
from gap.tasks.registry import TASKS

MATH = [
    {"Problem": "the ca", "options": "a ) t , b ) 5 , c ) 6 , d ) 7 , e ) 8", "correct": "a"},
    {"Problem": "a mat ?", "options": "a ) 4 , b ) 5 , c ) 6 , d ) 7 , e ) 8", "correct": "b"},
]


@pytest.fixture
def math(tmp_path: Path) -> Path:
    path = tmp_path / "math.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in MATH))
    return path


def test_merging_items_are_counted_and_listed(math: Path, tmp_path: Path, tokenizer: Any, tokenizer_folder: Path) -> None:
    shown, dialogue = (MINIATURE / TASKS[task].folder / "validation.jsonl" for task in ("copa", "empathetic_dialogues"))
    files = {"math_qa": {"validation": math}, "copa": {"test": shown}, "empathetic_dialogues": {"validation": dialogue}}
    boundary_report({"small": tokenizer_folder}, files, 7, tmp_path / "out.json")
    found = read_json(tmp_path / "out.json")["small"]
    assert set(found) == {"math_qa", "copa"}
    assert found["copa"]["test"] == {"items": 7, "continuations": 14, "differing_items": [], "differences": []}
    entry = found["math_qa"]["validation"]
    assert (entry["items"], entry["continuations"], entry["differing_items"]) == (2, 10, [0])
    first = entry["differences"][0]
    assert (first["item"], first["choice"]) == (0, 0)
    assert first["item_hash"] == load_items("math_qa", math, 1)[0].hash
    # "cat" is one token of this tokenizer, so that encoded together nothing, or another token, is left to the continuation
    assert first["alone"] == tokenizer.tokenize("t") and first["together"] != first["alone"]


def test_the_command_writes_it_and_leaves_a_record(
    math: Path, tmp_path: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = Path("results/demo/provenance/boundary-0123456789ab.json")
    app = typer.Typer()
    app.command("boundary")(boundary)
    words = [
        "--record",
        str(record),
        f"--tokenizer=a={tokenizer_folder}/tokenizer.json",
        f"--items=math_qa/validation={math}",
        "--out",
        "b.json",
    ]
    done = CliRunner().invoke(app, [*words, "--limit", "1"])
    assert done.exit_code == 0, done.output
    assert read_json(Path("b.json"))["a"]["math_qa"]["validation"]["items"] == 1
    assert read_json(record) == {"stage": "boundary", "key": "0123456789ab"}


def test_a_folder_without_tokenizer_is_refused(math: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no tokenizer\.json"):
        boundary_report({"none": tmp_path}, {"math_qa": {"validation": math}}, 1, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
