"""The worked example "A new objective" of docs/extending.md: one new file, and params.yaml may ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from extending import Copy

VALUES = """
import sys, yaml
from pathlib import Path
from gap.methods import OBJECTIVES
from gap.params.load import resolve
raw = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
raw["studies"]["demo"]["methods"] = yaml.safe_load(sys.argv[2])["methods"]
settings = resolve(raw).methods["focal"].gap.objective
assert "torch" not in sys.modules
import torch
logits, targets = torch.log(torch.tensor([[1.0, 3.0], [1.0, 1.0]])), torch.tensor([1, 0])
for gamma in (settings.gamma, 0.0):
    chosen = settings.model_copy(update={"gamma": gamma})
    print(float(OBJECTIVES.of(chosen).function(chosen, torch.tensor(0.0), logits, targets, 1)))
"""
ROOT = Path(__file__).resolve().parents[2]


def test_one_file_gives_an_objective(tmp_path: Path) -> None:
    copy = Copy(tmp_path / "project", "A new objective")
    copy.check_style()
    entries = (ROOT / "docs/extending.md").read_text(encoding="utf-8").split("### A new objective\n", 1)[1].split("```yaml\n", 1)[1]
    focal, nll = copy.python(VALUES, str(ROOT / "params.yaml"), entries.split("```", 1)[0]).split()
    # probabilities 3/4 and 1/2 of the targets
    assert float(focal) == pytest.approx((0.28768207 / 16 + 0.69314718 / 4) / 2, abs=1e-6)
    assert float(nll) == pytest.approx((0.28768207 + 0.69314718) / 2, abs=1e-6)
