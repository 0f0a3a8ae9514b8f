"""The worked example "A figure" of docs/extending.md: one new file, and it is planned, drawn and shown in the report."""

from __future__ import annotations

import json
from pathlib import Path

from extending import Copy

from gap.estimate.stage import estimate

NAMES = """
import json, sys
from gap.figures.registry import StudyShape, figure_names
names = figure_names(StudyShape(("dialogue", "classification"), ("up",), pretrained=True, texts=100))
assert not {"matplotlib", "pandas"} & set(sys.modules)
print(json.dumps(names))
"""
DRAW = """
import json, sys
from gap.figures.stage import figures
from gap.report.stage import report
plan = json.loads(sys.argv[1])
figures(plan)
report(plan)
"""


def test_one_file_gives_a_figure(plan: dict, tmp_path: Path) -> None:
    estimate(plan)
    copy = Copy(tmp_path / "project", "A figure")
    copy.check_style()
    names = json.loads(copy.python(NAMES))
    assert [name for name in names if name != "best_steps"] == plan["figure_names"]
    assert names.index("best_steps") > names.index("pretraining")

    light = {"figures": tmp_path / "figures", "captions": tmp_path / "figures/captions.json", "report": tmp_path / "report.html"}
    paths = plan["light"] | {name: str(path) for name, path in light.items()}
    copy.python(DRAW, json.dumps(plan | {"figure_names": ["best_steps"], "light": paths}))
    assert (
        all((tmp_path / f"figures/best_steps.{ending}").stat().st_size > 1000 for ending in ("pdf", "png"))
        and (tmp_path / "figures/best_steps.csv").exists()
    )
    entry = json.loads(light["captions"].read_text())["best_steps"]
    assert entry["title"] == "Best steps" and "15 runs per model" in entry["caption"]
    page = light["report"].read_text()
    assert '<figure id="best_steps" class="narrow"' in page and entry["caption"] in page
