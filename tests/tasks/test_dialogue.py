"""Turn normalisation, prompts, cutting and F1, against expectations written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.tasks.dialogue import cut, normalise_answer, normalise_turn, prompt, unigram_f1

TURNS = {
    "hello": "Hello.",
    "HELLO THERE": "Hello there.",
    "i think i do": "I think I do.",
    "I'm here, i've come": "I'm here, I've come.",
    "yes . no ? ok !": "Yes. No? Ok!",
    "one.two": "One.two.",
    "what?!": "What?!",
    "wait... what": "Wait... What.",
    "it's 3,5 today": "It's 3,5 today.",
    'he said "no"': 'He said "no"',
    "(aside)": "(aside)",
    "  padded  ": "padded.",
    " leading": "leading.",
    "a   b": "A b.",
    "well.  then": "Well. Then.",
    "naïve ÉCOLE": "Naïve école.",
    "": "",
}


@pytest.mark.parametrize("turn", TURNS)
def test_turns_are_normalised(turn: str) -> None:
    assert normalise_turn(turn) == TURNS[turn]


def test_prompt_names_the_speakers_in_turn() -> None:
    assert prompt(["hi"]) == "User 1: Hi.\nUser 2:"
    assert prompt(["hi", "how are you ?"]) == "User 1: Hi.\nUser 2: How are you?\nUser 1:"
    assert prompt(["a", "b", "c"]) == "User 1: A.\nUser 2: B.\nUser 1: C.\nUser 2:"


def test_answers_are_cut_at_the_next_speaker() -> None:
    assert cut(" Fine.\nUser 1: And you?") == " Fine."
    assert cut("\nUser 2: x") == ""
    assert cut("User 1 says\nUsers wait\n") == "User 1 says\nUsers wait\n"


def test_answers_lose_case_punctuation_articles_and_space() -> None:
    assert normalise_answer("  The cat's  a STAR,\n\tan “odd” one! ") == "cats star “odd” one"
    assert normalise_answer("theatre and a-n") == "theatre and"  # punctuation goes first: "an" is then an article


@pytest.mark.parametrize(
    ("response", "reference", "wanted"),
    [
        ("I like cats.", "i like cats", 1.0),
        ("cats", "dogs", 0.0),
        ("", "", 0.0),
        ("the", "a", 0.0),
        ("cats cats dogs", "cats birds", 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)),
        ("yes", "yes yes yes", 2 * 1 * (1 / 3) / (1 + 1 / 3)),
        ("a b c d", "b d", 2 * (2 / 3) / (1 + 2 / 3)),
    ],
)
def test_unigram_f1(response: str, reference: str, wanted: float) -> None:
    assert unigram_f1(response, reference) == pytest.approx(wanted, abs=1e-12)


words = st.text("ab the,.'", max_size=20)


@settings(max_examples=60)
@given(words, words)
def test_f1_is_symmetric_and_bounded(left: str, right: str) -> None:
    value = unigram_f1(left, right)
    assert 0 <= value <= 1
    assert value == pytest.approx(unigram_f1(right, left))
    assert unigram_f1(left, left) == (1.0 if normalise_answer(left) else 0.0)


@settings(max_examples=60)
@given(st.text("abI .,?!'\n", max_size=25))
def test_normalised_turns_keep_their_letters(turn: str) -> None:
    done = normalise_turn(turn)
    assert [letter for letter in done.lower() if letter.isalpha()] == [letter for letter in turn.lower() if letter.isalpha()]
    assert not done or done[-1] in "!.?)\"'"
