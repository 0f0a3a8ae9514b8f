"""The registry: order, completeness, and what it promises about rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import gap.tasks
from gap.params.study import CLASSIFICATION, DIALOGUE
from gap.tasks.formats import FORMATS
from gap.tasks.registry import TASKS

LM_EVAL = Path(gap.tasks.__file__).with_name("lm_eval")


def test_order_and_groups_are_the_papers() -> None:
    assert list(TASKS) == CLASSIFICATION + DIALOGUE
    assert [task.group for task in TASKS.values()] == ["classification"] * 8 + ["dialogue"] * 4
    assert [round(task.chance, 3) for task in TASKS.values()] == [0.5, 0.25, 0.25, 0.25, 0.5, 0.5, 0.2, 0.333, 0, 0, 0, 0]
    assert set(FORMATS) == set(CLASSIFICATION)


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_every_task_has_a_pinned_source_for_each_split(task) -> None:
    for split in task.splits:
        upstream = dict(task.upstream).get(split)
        assert upstream or (task.hub and task.hub.revision and len(task.hub.revision) == 40 and split in task.hub.file(split))
    assert {name for name, _ in task.needed} <= set(task.columns)
    assert task.gold in task.columns


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_every_task_has_its_lm_eval_file(task) -> None:
    text = (LM_EVAL / f"{task.lm_eval}.yaml").read_text().replace("!function ", "")
    settings = yaml.safe_load(text)
    assert settings["task"] == task.lm_eval == f"gap_{task.name}"
    assert [entry["metric"] for entry in settings["metric_list"]] == [task.metric]
    group = yaml.safe_load((LM_EVAL / f"gap_{task.group}.yaml").read_text())
    assert task.lm_eval in group["task"]


def test_registry_is_light() -> None:
    code = "import sys, gap.tasks.registry; print({'torch', 'transformers', 'pandas', 'pyarrow', 'datasets'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"
