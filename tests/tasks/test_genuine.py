"""The wording on genuine data: counts and first items that the paper and its released numbers imply."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gap.core.locations import mirror
from gap.evaluate.checks.boundary import boundary_differences
from gap.fetch.items import read_file, source_file
from gap.params.items import Items
from gap.tasks.items import Dialogue, Item, MultipleChoice, load_items, make_item
from gap.tasks.registry import TASKS

pytestmark = pytest.mark.skipif(mirror() is None, reason="needs genuine data: set GAP_MIRROR")
FOLDER = Items(kind="folder", path="mirror:")

KEPT = {
    ("piqa", "validation"): 1838,
    ("hellaswag", "validation"): 10042,
    ("arc_easy", "validation"): 567,
    ("arc_easy", "test"): 2365,
    ("arc_challenge", "validation"): 295,
    ("arc_challenge", "test"): 1165,
    ("copa", "validation"): 100,
    ("winogrande", "validation"): 1267,
    ("math_qa", "validation"): 4475,
    ("pubmed_qa", "validation"): 500,
    ("blended_skill_talk", "validation"): 1009,
    ("empathetic_dialogues", "validation"): 2758,
    ("empathetic_dialogues", "test"): 2540,
    ("wizard_of_internet", "validation"): 516,
    ("wizard_of_wikipedia", "test"): 968,
}


def items_of(task: str, split: str, limit: int) -> list[Any]:
    file = source_file(FOLDER, TASKS[task], split)
    if file.suffix == ".jsonl":
        return load_items(task, file, limit)
    found: list[Item] = []
    for number, row in enumerate(read_file(file)):
        item = make_item(TASKS[task], row, f"row {number}")
        if item is not None and len(found) < limit:
            found.append(item)
    return found


@cache
def opt_tokenizer() -> Any:
    from transformers import GPT2Tokenizer

    root = mirror()
    assert root is not None
    tokenizer = GPT2Tokenizer.from_pretrained(root / "tokenizer" / "opt")
    assert tokenizer.encode("Hello", add_special_tokens=False) == [31414]
    return tokenizer


@pytest.mark.parametrize(("task", "split"), KEPT)
def test_number_of_items_the_protocol_keeps(task: str, split: str) -> None:
    assert len(items_of(task, split, 10**6)) == KEPT[task, split]


def test_first_items() -> None:
    assert items_of("copa", "validation", 1) == [
        MultipleChoice("The man turned on the faucet.", (" The toilet filled with water.", " Water flowed from the spout."), 1)
    ]
    assert items_of("winogrande", "validation", 1) == [
        MultipleChoice(
            "Sarah was a much better surgeon than Maria so",
            (" Sarah always got the easier cases.", " Maria always got the easier cases."),
            1,
        )
    ]
    assert items_of("arc_easy", "validation", 1) == [
        MultipleChoice(
            "Which technology was developed most recently?", (" cellular telephone", " television", " refrigerator", " airplane"), 0
        )
    ]
    first = items_of("math_qa", "validation", 1)[0]
    assert (first.continuations, first.gold) == (("24", "120", "625", "720", "1024"), 2)
    hellaswag = items_of("hellaswag", "validation", 1)[0]
    assert (hellaswag.context, hellaswag.gold) == ("A man is sitting on a roof. he", 3)
    pubmed = items_of("pubmed_qa", "validation", 1)[0]
    assert pubmed.context.startswith("Context: Rapid prescreening (RPS) is one of the quality assurance")
    ending = "\nQuestion: Pap smears with glandular cell abnormalities: Are they detected by rapid prescreening?\nAnswer:"
    assert pubmed.context.endswith(ending)
    assert (pubmed.continuations, pubmed.gold) == ((" yes", " maybe", " no"), 0)


def test_first_dialogue() -> None:
    first = items_of("wizard_of_wikipedia", "validation", 1)[0]
    assert isinstance(first, Dialogue)
    lines = first.prompt.split("\n")
    assert lines[0] == "User 1: Red is my favorite color. My house, car, and clothes are all red."
    assert lines[1] == "User 2: I also like red buddy, I have more red colour dresses."
    assert lines[6] == "User 1: I don't mind pink. My daughter however, goes crazy for pink. It is her favorite color."


def test_every_mathqa_row_has_five_options() -> None:
    assert {len(item.continuations) for item in items_of("math_qa", "validation", 10**6)} == {5}


def test_lengths_by_opts_tokenizer_are_the_measured_ones() -> None:
    """Tokens fed: each choice without its last token, 315,350; context once, 122,914; positions that predict, 55,436."""
    single = once = predicting = 0
    for task in TASKS.values():
        if task.group == "classification":
            for item in items_of(task.name, "validation", 320):
                texts = opt_tokenizer()([item.context, *item.continuations], add_special_tokens=False)["input_ids"]
                context, choices = 1 + len(texts[0]), [len(ids) for ids in texts[1:]]
                single += sum(context + length - 1 for length in choices)
                once += context + sum(length - 1 for length in choices)
                predicting += sum(choices)
    assert (single, once, predicting) == (315350, 122914, 55436)


def test_nineteen_prompts_exceed_512_tokens() -> None:
    prompts = [item.prompt for item in items_of("wizard_of_internet", "validation", 320)]
    lengths = [1 + len(ids) for ids in opt_tokenizer()(prompts, add_special_tokens=False)["input_ids"]]
    assert sum(length > 512 for length in lengths) == 19


def test_items_that_lm_eval_encodes_otherwise_are_mathqas_alone() -> None:
    found = {
        task.name: {difference.item for difference in boundary_differences(items_of(task.name, "validation", 320), opt_tokenizer())}
        for task in TASKS.values()
        if task.group == "classification"
    }
    assert {name: len(places) for name, places in found.items() if places} == {"math_qa": 6}


def test_places_are_relative_to_the_mirror() -> None:
    root = mirror()
    assert root is not None
    assert source_file(FOLDER, TASKS["copa"], "validation") == Path(root) / "tasks/super_glue/copa/validation.jsonl"
    assert source_file(FOLDER, TASKS["pubmed_qa"], "validation").name == "pubmed_qa.csv"
