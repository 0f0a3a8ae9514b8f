"""What docs/method.md quotes of one update stands in the file."""

from __future__ import annotations

import re
from pathlib import Path

from gap.posttrain import step as step_module

PAGE = Path(__file__).parents[2] / "docs/method.md"


def test_the_quoted_lines_stand_in_the_file_in_this_order() -> None:
    table = PAGE.read_text().split("| what | line of `step.py` |")[1].split("\n\n")[0]
    quoted = re.findall(r"^\| [a-z ]+ \| `(.*)` \|$", table, re.MULTILINE)
    lines = [line.strip() for line in Path(str(step_module.__file__)).read_text().splitlines()]
    positions = [lines.index(line) for line in quoted]
    assert len(quoted) == 7 and positions == sorted(positions)
    assert "def take_step(" in Path(str(step_module.__file__)).read_text()


def test_the_pages_modules_and_columns_exist() -> None:
    from gap.core.tables import TABLES

    section = PAGE.read_text().split("## Post-training\n")[1].split("\n## ")[0]
    for name in re.findall(r"`(\w+\.py)`", section):
        assert (Path(str(step_module.__file__)).parent / name).exists(), name
    columns = re.findall(r"`(\w+)`", section.split("| recorded per update | |")[1])
    assert set(columns) <= set(TABLES["trajectories"])
