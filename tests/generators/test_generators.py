"""Every line follows its generator's rule, checked by other means than it was made with."""

from __future__ import annotations

import operator
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gap.core.random_stream import RandomStream
from gap.generators import GENERATORS

LETTERS = "abcdefghijklmnopqrstuvwxyz"
EXAMPLES: dict[str, dict[str, Any]] = {
    "arithmetic": {"operators": ["+", "-", "*"], "digits": 3},
    "brackets": {"brackets": ["()", "[]", "{}"], "depth": 4, "shortest": 1, "longest": 8},
    "copy": {"alphabet": LETTERS, "shortest": 1, "longest": 8},
    "reverse": {"alphabet": LETTERS, "shortest": 1, "longest": 8},
    "sorted_sets": {"alphabet": LETTERS, "shortest": 1, "longest": 8},
}
SEEDS = st.integers(0, 2**32)
ALPHABETS = st.lists(st.sampled_from(LETTERS + "0123456789#é→日"), min_size=2, max_size=12, unique=True).map("".join)


def line(kind: str, seed: int = 0, **changes: Any) -> str:
    entry = GENERATORS.entries[kind]
    return entry.function(entry.settings.model_validate({"kind": kind, **EXAMPLES[kind], **changes}), RandomStream(seed))


def test_there_is_an_example_of_every_generator() -> None:
    assert set(EXAMPLES) == set(GENERATORS.entries)


# -- rules -----------------------------------------------------------------------------------------------------------


@given(
    SEEDS,
    st.lists(st.sampled_from(["()", "[]", "{}", "<>", "«»"]), min_size=1, max_size=4, unique=True),
    st.integers(1, 6),
    st.integers(1, 30),
)
@settings(max_examples=150)
def test_brackets_balance_and_respect_the_depth(seed: int, kinds: list[str], depth: int, longest: int) -> None:
    found = line("brackets", seed, brackets=kinds, depth=depth, longest=longest)
    symbols = found.split(" ")
    assert set(symbols) <= set("".join(kinds)) and 2 <= len(symbols) <= 2 * longest
    level = deepest = 0
    for symbol in symbols:
        level += 1 if symbol in {kind[0] for kind in kinds} else -1
        deepest = max(deepest, level)
    assert level == 0 and deepest <= depth
    rest, before = "".join(symbols), ""
    while rest != before:  # a word is balanced when taking out adjacent pairs leaves nothing
        before = rest
        for kind in kinds:
            rest = rest.replace(kind, "")
    assert rest == ""


@given(SEEDS, ALPHABETS, st.integers(1, 5), st.integers(0, 20))
@settings(max_examples=100)
def test_copies_reverses_and_sorted_sets(seed: int, alphabet: str, shortest: int, more: int) -> None:
    shape = {"alphabet": alphabet, "shortest": shortest, "longest": shortest + more}
    for kind in ("copy", "reverse", "sorted_sets"):
        given_part, answer = (part.split(" ") for part in line(kind, seed, **shape).split(" | "))
        assert shortest <= len(given_part) <= shortest + more and set(given_part) <= set(alphabet)
        if kind == "copy":
            assert answer == given_part
        elif kind == "reverse":
            assert len(answer) == len(given_part) and all(answer[-1 - place] == symbol for place, symbol in enumerate(given_part))
        else:
            assert answer == [symbol for symbol in alphabet if symbol in given_part]


@given(SEEDS, st.lists(st.sampled_from("+-*"), min_size=1, unique=True), st.integers(1, 18))
@settings(max_examples=150)
def test_equations_hold(seed: int, operators: list[str], digits: int) -> None:
    found = re.fullmatch(
        r"(0|[1-9]\d*) ([-+*]) (0|[1-9]\d*) = (0|-?[1-9]\d*)", line("arithmetic", seed, operators=operators, digits=digits)
    )
    assert found is not None
    left, sign, right, result = found.groups()
    assert sign in operators and max(len(left), len(right)) <= digits
    assert {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](int(left), int(right)) == int(result)


# -- choices ---------------------------------------------------------------------------------------------------------


def test_every_length_symbol_kind_depth_and_operator_occurs() -> None:
    copies = [line("copy", seed).split(" | ")[0].split() for seed in range(400)]
    assert {len(sequence) for sequence in copies} == set(range(1, 9)) and {symbol for sequence in copies for symbol in sequence} == set(
        LETTERS
    )
    words = [line("brackets", seed) for seed in range(400)]
    assert {len(word.split()) // 2 for word in words} == set(range(1, 9)) and set("".join(words)) == set("()[]{} ")
    assert any(re.search(r"[(\[{] [(\[{] [(\[{] [(\[{]", word) for word in words)
    equations = [line("arithmetic", seed).split() for seed in range(400)]
    assert {equation[1] for equation in equations} == set("+-*") and {len(equation[0]) for equation in equations} == {1, 2, 3}


def test_lines_are_the_same_everywhere() -> None:
    assert {kind: line(kind, 2306) for kind in EXAMPLES} == {
        "arithmetic": "614 * 75 = 46050",
        "brackets": "[ { { { } } { } { } } ]",
        "copy": "p o t w z w | p o t w z w",
        "reverse": "p o t w z w | w z w t o p",
        "sorted_sets": "p o t w z w | o p t w z",
    }


# -- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("copy", {"longest": 3, "shortest": 4}, "longest: 3 is less than shortest, 4"),
        ("brackets", {"longest": 3, "shortest": 4}, "longest: 3 is less than shortest, 4"),
        ("reverse", {"shortest": 0}, "greater than or equal to 1"),
        ("copy", {"alphabet": "a"}, "at least 2 characters"),
        ("copy", {"alphabet": "aba"}, "distinct"),
        ("copy", {"alphabet": "ab "}, "without white space"),
        ("sorted_sets", {"alphabet": "ab|"}, "found 'ab|'"),
        ("reverse", {"alphabet": "ab\x00"}, "printable"),
        ("brackets", {"brackets": []}, "at least 1 item"),
        ("brackets", {"brackets": ["()", "["]}, "pairs of two"),
        ("brackets", {"brackets": ["()", "(]"]}, "no character twice"),
        ("brackets", {"brackets": ["||"]}, "no character twice"),
        ("brackets", {"brackets": ["( "]}, "printable"),
        ("brackets", {"depth": 0}, "greater than or equal to 1"),
        ("arithmetic", {"operators": []}, "at least 1 item"),
        ("arithmetic", {"operators": ["/"]}, "'+', '-' or '*'"),
        ("arithmetic", {"operators": ["+", "+"]}, "each once"),
        ("arithmetic", {"digits": 19}, "less than or equal to 18"),
        ("arithmetic", {"depth": 2}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(GENERATORS.union()).validate_python({"kind": kind, **EXAMPLES[kind], **changes})
    assert said in str(caught.value)
