"""Loading items: filters, order, limits, and errors that name file, line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gap.core.errors import BadInput
from gap.tasks.items import Dialogue, MultipleChoice, load_items, make_item
from gap.tasks.task import TEXT, Row, Task

PIQA = {"goal": "Boil an egg.", "sol1": "Use water.", "sol2": "Use sand.", "label": 1}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def arc(count: int, key: str = "A") -> dict[str, Any]:
    letters = list("ABCDE")[:count]
    return {"question": f"Of {count}?", "choices": {"text": letters, "label": letters}, "answerKey": key}


def test_filters_come_before_the_limit(tmp_path: Path) -> None:
    path = written(tmp_path, arc(3), arc(4), arc(5), arc(4, "D"), arc(4, "B"))
    items = load_items("arc_easy", path, 2)
    assert [item.gold for item in items] == [0, 3]


def test_one_turn_dialogues_are_dropped_and_line_separators_kept(tmp_path: Path) -> None:
    path = written(tmp_path, {"text": ["alone"]}, {"text": ["a\u2028b", "yes"]}, {"text": []})
    assert load_items("wizard_of_internet", path, 10) == [Dialogue("User 1: A\u2028b.\nUser 2:", "Yes.")]


def test_hashes_depend_on_everything_scored(tmp_path: Path) -> None:
    item = MultipleChoice("a", (" b", " c"), 0)
    others = [MultipleChoice("a", (" b", " c"), 1), MultipleChoice("a ", ("b", " c"), 0), MultipleChoice("a", (" c", " b"), 0)]
    assert len({item.hash, *(other.hash for other in others)}) == 4
    assert item.hash == MultipleChoice("a", (" b", " c"), 0).hash
    assert Dialogue("p", "r").hash != Dialogue("p", "s").hash


@pytest.mark.parametrize(
    ("task", "row", "field", "found"),
    [
        ("piqa", {key: PIQA[key] for key in ("goal", "sol1", "label")}, "sol2", "no such field among ['goal', 'sol1', 'label']"),
        ("piqa", PIQA | {"goal": None}, "goal", "NoneType"),
        ("piqa", PIQA | {"label": 2}, "label", "2"),
        ("piqa", PIQA | {"label": -1}, "label", "-1"),
        ("piqa", PIQA | {"label": ""}, "label", "''"),
        ("hellaswag", {"ctx": "x", "endings": "abcd", "label": "0"}, "endings", "str"),
        ("arc_easy", arc(4, "E"), "answerKey", "'E', of which the wording makes the index -1"),
        ("math_qa", {"Problem": "x", "options": "a ) 1 , b ) 2", "correct": "e"}, "correct", "'e'"),
        ("pubmed_qa", {"question": "x", "final_decision": "yes"}, "abstract", "no such field"),
        ("wizard_of_internet", {"text": ["a", 3]}, "text", "list"),
        ("wizard_of_internet", {"text": ["a", None]}, "text", "list"),
        (
            "arc_easy",
            {"question": "x", "choices": {"text": ["a", None, "c", "d"], "label": list("ABCD")}, "answerKey": "A"},
            "choices",
            "dict",
        ),
        ("arc_easy", {"question": "x", "choices": {"text": "abcd", "label": list("ABCD")}, "answerKey": "A"}, "choices", "dict"),
        ("arc_easy", {"question": "x", "choices": {"text": list("abc"), "label": list("ABCD")}, "answerKey": "A"}, "choices", "dict"),
        ("hellaswag", {"ctx": "x", "endings": ["a", "b", 3, "d"], "label": "0"}, "endings", "list"),
        ("piqa", PIQA | {"label": True}, "label", "bool"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path: Path, task: str, row: dict[str, Any], field: str, found: str) -> None:
    good = {"piqa": PIQA, "wizard_of_internet": {"text": ["a", "b"]}}.get(task)
    path = written(tmp_path, *([good] if good else []), row)
    with pytest.raises(BadInput) as caught:
        load_items(task, path, 10)
    assert f"{path}, line {2 if good else 1}, field {field!r}" == caught.value.where
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("winogrande", {"sentence": "none", "option1": "a", "option2": "b", "answer": "1"}),
        ("arc_easy", {"question": "x", "choices": {"text": ["a"]}, "answerKey": "A"}),
        ("hellaswag", {"ctx": "x", "endings": [1, None, "c"], "label": "7"}),
        ("hellaswag", {"ctx": "x", "endings": ["a", "", "c", "d"], "label": "0"}),
        ("hellaswag", {"ctx": "x", "endings": ["a"], "label": "0"}),
        ("piqa", PIQA | {"sol2": " \n"}),
        ("math_qa", {"Problem": "x", "options": "a )  , b ) 2 , c ) 3 , d ) 4 , e ) 5", "correct": "b"}),
    ],
)
def test_rows_that_cannot_be_worded_are_refused(tmp_path: Path, task: str, row: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="line 1"):
        load_items(task, written(tmp_path, row), 10)


@pytest.mark.parametrize(
    ("output_type", "worded", "found"),
    [
        ("generate_until", ("Why?", (" So.",), 0), "worded as ('Why?', (' So.',), 0)"),
        ("generate_until", (None, "So."), "worded as (None, 'So.')"),
        ("multiple_choice", ("Why?", "So."), "worded as ('Why?', 'So.')"),
        ("multiple_choice", ("Why?", "ab", 0), "worded as ('Why?', 'ab', 0)"),
        ("multiple_choice", ("Why?", (" a", " b"), "1"), "worded as"),
        ("multiple_choice", ("Why?", (" a", " b"), None), "worded as"),
        ("multiple_choice", AttributeError("no strip"), "cannot be worded as an item of own (no strip)"),
        ("multiple_choice", IndexError("out of range"), "cannot be worded as an item of own (out of range)"),
    ],
)
def test_a_wording_that_gives_something_else_than_an_item_is_refused(output_type: Any, worded: Any, found: str) -> None:
    def wording(row: Row) -> Any:
        if isinstance(worded, Exception):
            raise worded
        return worded

    with pytest.raises(BadInput) as caught:
        make_item(Task(name="own", fields={"text": TEXT}, output_type=output_type, wording=wording), {"text": "x"}, "a.jsonl, line 3")
    assert caught.value.where == "a.jsonl, line 3" and found in caught.value.found


def test_unknown_tasks_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="piqa"):
        load_items("pica", written(tmp_path, PIQA), 1)
    with pytest.raises(BadInput, match="no item of arc_easy"):
        load_items("arc_easy", written(tmp_path, arc(3)), 1)
