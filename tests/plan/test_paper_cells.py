"""The report's comparison with the paper: only where a study has the same models, texts, items and tasks, and in the report's key alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gap.params.load import resolve
from gap.plan.light import light_keys
from gap.plan.plan import Plan
from gap.plan.stages import light_stages
from gap.plan.stages.report import paper_cells

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
NUMBERS = ROOT / "results/published/checks/published.json"


def plan(study: str, **evaluate: Any) -> Plan:
    raw = copy.deepcopy(RAW) | {"study": study}
    raw["studies"][study].setdefault("evaluate", {}).update(evaluate)
    return Plan(resolve(raw))


def test_the_paper_study_has_every_cell_and_others_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paper = plan("paper")
    assert paper_cells(paper) == [], "study published was not made"
    before = light_keys(light_stages(paper), "0" * 12)
    Path("results/published/checks").mkdir(parents=True)
    Path("results/published/checks/published.json").write_text(NUMBERS.read_text())
    numbers = json.loads(NUMBERS.read_text())["by_corpus"]
    cells = paper_cells(paper)
    assert len(cells) == 2 * 3 * 3
    assert len({tuple(cell.values())[:3] for cell in cells}) == len(cells)
    for cell in cells:
        mine = numbers[cell["group"]][{"opt-350m": "350M", "opt-1.3b": "1.3B", "opt-2.7b": "2.7B"}[cell["model"]]]
        found = mine[{"tdec": "TDEC", "cc": "CC", "git": "Git."}[cell["corpus"]]]
        assert (cell["gain"], cell["low"], cell["high"], cell["runs"]) == (found["gain"], *found["gain_interval"], found["runs"])
    after = light_keys(light_stages(paper), "0" * 12)
    assert {stage for stage in after if after[stage] != before[stage]} == {"report"}
    assert paper_cells(plan("paper", items=40)) == [], "other items, another quantity"
    assert paper_cells(plan("demo")) == []
