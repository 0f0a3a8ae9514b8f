"""Wording of every multiple-choice task, against expectations written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.tasks.catalogue.math_qa import math_options
from gap.tasks.catalogue.winogrande import winogrande
from gap.tasks.registry import TASKS
from gap.tasks.wording import label_index, position

CHOICES = {"text": ["iron", "air", "oak", "salt"], "label": ["A", "B", "C", "D"]}
ARC = {"question": "Which is a metal?", "choices": CHOICES, "answerKey": "C"}

CASES = {
    "piqa": (
        {"goal": "Boil an egg.", "sol1": "Use water.", "sol2": "Use sand.", "label": 0},
        ("Boil an egg.", (" Use water.", " Use sand."), 0),
    ),
    "hellaswag": (
        {"ctx": "A man sits. he", "endings": ["stands.", "eats.", "sings.", "runs."], "label": "3"},
        ("A man sits. he", (" stands.", " eats.", " sings.", " runs."), 3),
    ),
    "arc_easy": (ARC, ("Which is a metal?", (" iron", " air", " oak", " salt"), 2)),
    "arc_challenge": (
        ARC | {"choices": {"text": ["a", "b", "c", "d"], "label": ["1", "2", "3", "4"]}, "answerKey": "2"},
        ("Which is a metal?", (" a", " b", " c", " d"), 1),
    ),
    "copa": (
        {"premise": "It rained.", "choice1": "We got wet.", "choice2": "We got dry.", "question": "effect", "label": 0},
        ("It rained.", (" We got wet.", " We got dry."), 0),
    ),
    "winogrande": (
        {"sentence": "Ann beat Eve since _ trained more.", "option1": "Ann", "option2": "Eve", "answer": "1"},
        ("Ann beat Eve since", (" Ann trained more.", " Eve trained more."), 0),
    ),
    "math_qa": (
        {"Problem": "what is 2 + 2 ?", "options": "a ) 3 , b ) 4 , c ) 5.5 , d ) none of these , e ) 1 / 2", "correct": "b"},
        ("what is 2 + 2 ?", ("3", "4", "5.5", "none of these", "1 / 2"), 1),
    ),
    "pubmed_qa": (
        {"abstract": "We looked.", "question": "Is it so?", "final_decision": "no"},
        ("Context: We looked.\nQuestion: Is it so?\nAnswer:", (" yes", " maybe", " no"), 2),
    ),
}


def gold_of(task: str, changed: dict[str, Any]) -> Any:
    worded: Any = TASKS[task].wording(CASES[task][0] | changed)
    return worded[2]


@pytest.mark.parametrize("task", CASES)
def test_wording(task: str) -> None:
    row, wanted = CASES[task]
    assert TASKS[task].wording(row) == wanted


@pytest.mark.parametrize("count", [3, 5])
def test_arc_rows_without_four_choices_are_dropped(count: int) -> None:
    letters = list("ABCDE")[:count]
    assert TASKS["arc_easy"].wording(ARC | {"choices": {"text": letters, "label": letters}}) is None


def test_winogrande_strips_the_context_on_the_right_only_and_keeps_the_rest_as_it_is() -> None:
    row = {"sentence": " Tom said   _ , who left.", "option1": "Al", "option2": "Bo", "answer": "2"}
    assert winogrande(row) == (" Tom said", (" Al , who left.", " Bo , who left."), 1)


@pytest.mark.parametrize("sentence", ["no gap", "two _ gaps _ here"])
def test_winogrande_needs_exactly_one_gap(sentence: str) -> None:
    with pytest.raises(ValueError, match="gaps"):
        winogrande({"sentence": sentence, "option1": "a", "option2": "b", "answer": "1"})


def test_math_options_are_cut_at_their_first_comma_as_the_authors_pattern_does() -> None:
    assert math_options("a ) 1 , 000 , b ) rs . 5 , c ) 10 : 3 , d ) 7 % , e ) 8 , 500") == ("1", "rs . 5", "10 : 3", "7 %", "8 , 500")


@pytest.mark.parametrize("label", [0, "0"])
def test_labels_may_be_numbers_or_text(label: object) -> None:
    assert TASKS["piqa"].wording(CASES["piqa"][0] | {"label": label}) == CASES["piqa"][1]


def test_an_answer_that_is_no_choice_is_minus_one() -> None:
    assert position("Z", ["A", "B"]) == -1
    assert [label_index(value) for value in ("", "x", None, "-1", "2", 2)] == [-1, -1, -1, -1, 2, 2]
    assert gold_of("math_qa", {"correct": "f"}) == -1
    assert gold_of("math_qa", {"correct": ""}) == -1
    assert gold_of("pubmed_qa", {"final_decision": "perhaps"}) == -1


@settings(max_examples=40)
@given(st.lists(st.text("0123456789. /:%xyz", min_size=1).map(str.strip).filter(bool), min_size=5, max_size=5))
def test_math_options_come_back_from_what_they_were_written_into(texts: list[str]) -> None:
    written = " , ".join(f"{letter} ) {text}" for letter, text in zip("abcde", texts, strict=True))
    assert math_options(written) == tuple(texts)
