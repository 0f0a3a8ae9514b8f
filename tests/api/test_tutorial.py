"""docs/tutorial.md as it stands on the page: here its first two sections, on a tiny model; tests/workflow/test_demo.py runs all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tiny

from gap.core.files import write_json

PAGE = (Path(__file__).resolve().parents[2] / "docs/tutorial.md").read_text(encoding="utf-8")
STUDY = "\n## What a study found\n"


def test_the_page_is_short() -> None:
    lines = [line for block in blocks(PAGE) for line in block.splitlines() if line]
    assert len(blocks(PAGE)) == 5 and 30 < len(lines) <= 60


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def test_one_text_and_the_comparison(tmp_path: Path, tokenizer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tiny.make_model(tmp_path / "nano", tokenizer, max_position_embeddings=512)
    texts = tiny.texts_table(tmp_path / "texts.parquet", "code", [tiny.essay(2, 30)])
    write_json(Path("results/demo/plan.json"), {"light": {"texts": str(texts)}, "models": {"nano-s": {"folder": str(model)}}})
    cells: dict[str, Any] = {}
    for block in blocks(PAGE.split(STUDY)[0]):
        exec(compile(block, "docs/tutorial.md", "exec"), cells)
    assert cells["model"].folder == model and cells["text"] == tiny.essay(2, 30)
    table = cells["comparison"].set_index(["direction", "updates"])
    assert len(table) == 9 and table["accuracy"].between(0, 1).all()
    losses = table["loss before the last"].unstack("updates")
    assert losses[1].nunique() == 1, "each call begins at the base weights"
    assert losses.loc["ascent"].is_monotonic_increasing and losses.loc["descent"].is_monotonic_decreasing
    assert "before " in (shown := capsys.readouterr().out) and "unmodified: " in shown
