"""The registry: order, completeness, and what it promises about rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gap.core.errors import BadInput
from gap.params.items import Items
from gap.plan.fingerprints import Fingerprints
from gap.plan.stages import items as plan_items
from gap.plan.stages.items import identity as items_identity
from gap.tasks.export import group_yaml, task_yaml
from gap.tasks.lm_eval_config import FIELDS, document
from gap.tasks.registry import TASKS, TaskRegistry, known_task, task_card
from gap.tasks.task import TEXT, LmEvalSource, Row, Task

ROOT = Path(__file__).resolve().parents[2]
PAPER = yaml.safe_load((ROOT / "params.yaml").read_text())["tasks"]


def test_order_and_groups_are_the_papers() -> None:
    assert [name for name in TASKS if name in PAPER] == sorted(PAPER)
    assert [TASKS[name].group for name in PAPER] == ["classification"] * 8 + ["dialogue"] * 4
    assert [round(TASKS[name].chance, 3) for name in PAPER] == [0.5, 0.25, 0.25, 0.25, 0.5, 0.5, 0.2, 0.333, 0, 0, 0, 0]
    assert [TASKS[name].metric for name in PAPER] == ["acc"] * 8 + ["f1"] * 4


@pytest.mark.parametrize("task", [TASKS[name] for name in PAPER], ids=PAPER)
def test_every_task_of_the_paper_has_a_pinned_source_for_each_split(task: Task) -> None:
    for split in task.splits:
        upstream = dict(task.upstream).get(split)
        assert upstream or (task.hub and task.hub.revision and len(task.hub.revision) == 40 and split in task.hub.file(split))
    assert set(task.fields) <= set(task.columns)
    assert task.gold in task.columns
    assert task.module == f"gap.tasks.catalogue.{task.name}"


def test_the_documents_of_lm_eval_are_no_code_of_a_task() -> None:
    registry = TaskRegistry("gap.tasks.catalogue")
    source = LmEvalSource("capitals", include="tasks")
    registry.register(Task(name="capitals", fields=FIELDS, splits=("test",), lm_eval_source=source))(document)
    assert registry.entries["capitals"].module == known_task("lm_eval:arc_easy").module == ""


@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
def test_every_task_has_its_lm_eval_file(task: Task) -> None:
    text = task_yaml(task, "validation", Path("items.jsonl")).replace("!function ", "")
    settings = yaml.safe_load(text)
    assert settings["task"] == task.lm_eval == f"gap_{task.name}"
    assert [entry["metric"] for entry in settings["metric_list"]] == [task.metric]
    group = yaml.safe_load(group_yaml(task.group, [task]))
    assert group["group"] == f"gap_{task.group}" and task.lm_eval in group["task"]


def test_registry_is_light() -> None:
    code = (
        "import sys, gap.tasks.registry; list(gap.tasks.registry.TASKS); gap.tasks.registry.known_task('lm_eval:lambada_openai');"
        "print({'torch', 'transformers', 'pandas', 'pyarrow', 'datasets', 'lm_eval'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "set()"


def test_a_card_says_what_tables_and_figures_need() -> None:
    assert task_card(known_task("piqa")) == {"label": "PIQA", "group": "classification", "metric": "acc", "chance": 0.5}


def test_names_and_splits_that_do_not_fit_are_refused() -> None:
    registry = TaskRegistry("gap.tasks.catalogue")

    def wording(row: Row) -> tuple[str, tuple[str, ...], int]:
        return row["text"], (" a",), 0

    registry.register(Task(name="mine", fields={"text": TEXT}, files={"test": "mine.jsonl"}))(wording)
    for task in (Task(name="mine"), Task(name="No Name"), Task(name="other", splits=("train",)), Task(name="third", files={"dev": "x"})):
        with pytest.raises(BadInput, match=rf"task '{task.name}', registered for {__name__}\..*wording: the (name|splits)"):
            registry.register(task)(wording)
    with pytest.raises(BadInput, match="the stop text ''"):
        registry.register(Task(name="endless", fields={"text": TEXT}, output_type="generate_until", stop=""))(wording)


def test_identities_of_the_papers_items_are_what_they_have_always_been(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in keys: another identity would make every stored score stale."""
    monkeypatch.setattr(plan_items, "code_version", lambda unit: "v1")
    prints = Fingerprints()
    assert items_identity(Items(kind="hub"), "piqa", "validation", prints) == {
        "kind": "hub",
        "task": "piqa",
        "split": "validation",
        "hub": "HubFiles(dataset='baber/piqa', revision='142f6d7367fd9877f0fb3b5734ea6a545f54cdd1', path='piqa_{split}.parquet')",
        "upstream": [],
    }
    dialogue = items_identity(Items(kind="hub"), "wizard_of_internet", "test", prints)
    files = [(split, f"data/{split}_data/wizard_of_internet.json") for split in ("validation", "test")]
    assert (dialogue["hub"], dialogue["upstream"]) == ("None", files)
    assert set(items_identity(Items(kind="miniature"), "copa", "validation", prints)) == {"kind", "task", "split", "content"}
    monkeypatch.setattr(plan_items, "code_version", lambda unit: f"digest of {unit}")
    changed = items_identity(Items(kind="hub"), "piqa", "validation", prints)
    assert changed["wording"] == "digest of gap.tasks.catalogue.piqa"
