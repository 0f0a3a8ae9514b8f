"""The automaton says what searching the decoded text would say."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gap.evaluate.scoring.stop_automaton import advance, stop_table, token_texts
from gap.tasks.dialogue import STOP


@settings(max_examples=200)
@given(st.lists(st.text("ab\n", max_size=4), max_size=8), st.sampled_from(["ab", "aab", "abab", "\n\na", "a"]))
def test_advance_finds_the_stop_across_pieces(pieces: list[str], stop: str) -> None:
    state, text = 0, ""
    for piece in pieces:
        state, text = advance(state, piece, stop), text + piece
        assert (state == len(stop)) == (stop in text)
        if stop not in text:
            assert state == max(length for length in range(len(stop)) if text.endswith(stop[:length]))


def test_tokens_add_what_they_stand_for(tokenizer: Any) -> None:
    texts = token_texts(tokenizer, 400)
    ids = tokenizer.encode("the cat sat\nUser 1: é", add_special_tokens=False)
    assert "".join(texts[token] for token in ids[:-2]) == "the cat sat\nUser 1: "
    assert texts[2] == texts[1] == ""


def test_table_follows_real_text_and_ends_at_the_end_token(tokenizer: Any) -> None:
    table = stop_table(tokenizer, 410, (2,), "cpu", STOP)
    assert table.shape == (len(STOP) + 1, 410)
    for text, stopped in (("I sat.\nUser 2: yes", True), ("I sat.\nUsers", False), ("User 1: \n User 1", False), ("\n\nUser \n", True)):
        state = 0
        for token in tokenizer.encode(text, add_special_tokens=False):
            state = int(table[state, token])
        assert (state == len(STOP)) == stopped == (STOP in text)
    assert table[:, 2].tolist() == [len(STOP)] * (len(STOP) + 1)
    assert table[:, 409].tolist() == list(range(len(STOP) + 1))  # a row of the embedding that is no token
