"""The folder for lm-eval: what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gap.core.errors import BadInput
from gap.evaluate.checks.boundary import boundary_differences
from gap.fetch.source_file import MINIATURE
from gap.models.pairs import together
from gap.tasks.dialogue import STOP
from gap.tasks.export import commands, export_tasks
from gap.tasks.items import MultipleChoice, load_items
from gap.tasks.registry import TASKS


def shipped(task: str) -> Path:
    return MINIATURE / TASKS[task].folder / "validation.jsonl"


def plain(path: Path) -> dict:
    return yaml.safe_load(path.read_text().replace("!function ", ""))


def test_written_tasks_name_their_own_items(tmp_path: Path) -> None:
    names = export_tasks({"arc_easy/validation": shipped("arc_easy"), "copa": shipped("copa")}, 7, tmp_path)
    assert names == ["gap_arc_easy", "gap_copa", "gap_classification"]
    settings = plain(tmp_path / "gap_arc_easy.yaml")
    place = Path(settings["dataset_kwargs"]["data_files"]["validation"])
    assert place.is_absolute() and settings["validation_split"] == "validation"
    assert load_items("arc_easy", place, 99) == load_items("arc_easy", shipped("arc_easy"), 7)
    assert plain(tmp_path / "gap_classification.yaml")["task"] == ["gap_arc_easy", "gap_copa"]
    assert not (tmp_path / "gap_dialogue.yaml").exists()
    assert [line.rsplit(" ", 1)[1] for line in commands(names, tmp_path)] == ["gap_classification"]


def test_a_test_split_is_lm_evals_test_split(tmp_path: Path) -> None:
    export_tasks({"math_qa/test": shipped("math_qa")}, 2, tmp_path)
    settings = plain(tmp_path / "gap_math_qa.yaml")
    assert (settings["test_split"], "validation_split" in settings) == ("test", False)
    assert list(settings["dataset_kwargs"]["data_files"]) == ["test"]


def test_dialogue_protocol_in_yaml(tmp_path: Path) -> None:
    export_tasks({"wizard_of_internet": shipped("wizard_of_internet")}, 2, tmp_path)
    settings = plain(tmp_path / "gap_wizard_of_internet.yaml")
    assert settings["generation_kwargs"] == {"until": ["\nUser "], "do_sample": False, "max_gen_toks": 32}
    assert "max_length=544" in commands(["gap_dialogue"], tmp_path)[0]


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    twice = {"math_qa": shipped("math_qa"), "math_qa/test": shipped("math_qa")}
    for files in ({"piqa/test": shipped("piqa")}, {"squad": shipped("piqa")}, twice):
        with pytest.raises(BadInput):
            export_tasks(files, 2, tmp_path)


@pytest.mark.parametrize(("lines", "limit"), [("", 2), ('{"text": ["alone"]}\n', 2), ('{"text": ["a", "b"]}\n', -1)])
def test_no_task_without_items_is_written(tmp_path: Path, lines: str, limit: int) -> None:
    (tmp_path / "items.jsonl").write_text(lines)
    with pytest.raises(BadInput, match=f"no item of wizard_of_internet among the first {limit}"):
        export_tasks({"wizard_of_internet": tmp_path / "items.jsonl"}, limit, tmp_path / "out")


class Letters:
    """One token per pair of letters from the left, so that encodings merge across a boundary."""

    def encode(self, text: str, add_special_tokens: bool) -> list[str]:
        return [text[place : place + 2] for place in range(0, len(text), 2)]


def test_boundaries_that_merge_are_listed() -> None:
    pairs = [("abcd", ("ef", "g")), ("abc", ("de", "f")), ("abcd ", ("e", "fg"))]
    found = boundary_differences([MultipleChoice(context, choices, 0) for context, choices in pairs], Letters())
    assert [(one.item, one.choice) for one in found] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert found[0].alone == (("ab", "c"), ("de",))
    assert found[0].together == (("ab", "cd"), ("e",))
    assert together("ab ", "cd", Letters()) == (("ab",), (" c", "d"))


def test_shipped_hooks_are_the_projects_functions(tmp_path: Path) -> None:
    import importlib.util

    from datasets import Dataset

    export_tasks({"copa": shipped("copa")}, 3, tmp_path)
    spec = importlib.util.spec_from_file_location("hooks", tmp_path / "utils.py")
    assert spec and spec.loader
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    rows = [json.loads(line) for line in (tmp_path / "items/copa/validation.jsonl").read_text().splitlines()]
    documents = hooks.copa(Dataset.from_list(rows))
    assert [(row["context"], tuple(row["continuations"]), row["gold"]) for row in documents] == [
        (item.context, item.continuations, item.gold) for item in load_items("copa", shipped("copa"), 3) if isinstance(item, MultipleChoice)
    ]
    assert hooks.score_answer({"reference": "Yes, I can.", "stop": STOP}, ["yes i can\nUser 1: no"]) == {"f1": 1.0}
    with pytest.raises(AttributeError):
        hooks.unknown  # noqa: B018
