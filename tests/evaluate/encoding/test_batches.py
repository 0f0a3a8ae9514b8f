"""Batches: every prediction once, within the budget, and dependent on content alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.core.errors import BadInput
from gap.evaluate.encoding.batches import PASS_COST, ScoredSequence, partition_by_width, plain_batches, scored_sequence
from gap.evaluate.encoding.encode import encode_items
from gap.tasks.items import MultipleChoice

ids = st.lists(st.integers(3, 6), min_size=1, max_size=12).map(tuple)


def test_a_sequence_is_cut_from_the_left_and_its_last_token_is_not_fed() -> None:
    assert scored_sequence([2, 5, 6], [7, 8], 512, 4) == ScoredSequence((2, 5, 6, 7), 2, (7, 8), 4)
    assert scored_sequence([2, 5, 6], [7, 8], 4, 0) == ScoredSequence((5, 6, 7), 1, (7, 8), 0)
    assert scored_sequence([2, 5, 6], [7, 8, 9], 3, 0) == ScoredSequence((7, 8), 0, (8, 9), 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(ids, ids), min_size=1, max_size=12), st.integers(8, 60))
def test_every_prediction_is_read_off_its_own_sequence(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]], budget: int) -> None:
    sequences = [scored_sequence((2, *context), continuation, 512, slot) for slot, (context, continuation) in enumerate(pairs)]
    found: dict[int, list[tuple[tuple[int, ...], int]]] = {slot: [] for slot in range(len(pairs))}
    for batch in plain_batches(sequences, budget, "cpu"):
        rows, width = batch.ids.shape
        assert rows == 1 or rows * width <= budget
        assert batch.query_positions.tolist() == sorted(set(batch.query_positions.tolist()))
        for pick, target, slot in zip(batch.query_index.tolist(), batch.targets.tolist(), batch.slots, strict=True):
            row, place = divmod(int(batch.query_positions[pick]), width)
            found[slot].append((tuple(batch.ids[row, : place + 1].tolist()), target))
    for slot, (context, continuation) in enumerate(pairs):
        assert found[slot] == [((2, *context, *continuation[:step]), token) for step, token in enumerate(continuation)]


def test_beginnings_of_other_sequences_are_not_fed_again() -> None:
    context = (2, 5, 6)
    continuations = [(7,), (8,), (9, 7), (9, 7, 7), (7,)]
    sequences = [scored_sequence(context, continuation, 512, slot) for slot, continuation in enumerate(continuations)]
    (batch,) = plain_batches(sequences, 512, "cpu")
    assert batch.ids.tolist() == [[2, 5, 6, 9, 7]]
    assert len(batch.query_positions) == 3


@settings(max_examples=40)
@given(st.lists(st.integers(1, 30), max_size=20), st.integers(8, 100))
def test_groups_are_consecutive_within_budget_and_no_dearer_than_filling_up(widths: list[int], budget: int) -> None:
    def work(groups: list[list[int]]) -> int:
        return sum(len(group) * max(widths[thing] for thing in group) + budget // PASS_COST["cpu"] for group in groups)

    groups = partition_by_width(list(range(len(widths))), widths, budget, "cpu")
    assert [thing for group in groups for thing in group] == list(range(len(widths)))
    assert all(len(group) == 1 or len(group) * max(widths[thing] for thing in group) <= budget for group in groups)
    greedy: list[list[int]] = []
    for thing in range(len(widths)):
        last = [*greedy[-1], thing] if greedy else []
        if last and len(last) * max(widths[one] for one in last) <= budget:
            greedy[-1] = last
        else:
            greedy.append([thing])
    assert work(groups) <= work(greedy)


def test_chunks_are_complete_whatever_follows(tokenizer: Any) -> None:
    items = [MultipleChoice("the cat " * (1 + number % 7), (" sat", f" on {number}"), 0) for number in range(70)]
    long, short = (encode_items(items[:count], tokenizer, 512, 256, "cpu") for count in (70, 40))
    assert [len(chunk.sizes) for chunk in long] == [32, 32, 6]
    assert [len(chunk.sizes) for chunk in short] == [32, 8]
    for one, other in zip(long[0].batches, short[0].batches, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.slots == other.slots


def test_a_continuation_needs_tokens_and_a_tokenizer_an_opening(tokenizer: Any) -> None:
    with pytest.raises(BadInput, match="item 0"):
        encode_items([MultipleChoice("a", ("", "b"), 1)], tokenizer, 512, 256, "cpu")
    mute = copy.deepcopy(tokenizer)
    mute.bos_token = mute.eos_token = None
    with pytest.raises(BadInput, match="neither bos_token nor eos_token"):
        encode_items([MultipleChoice("a", ("b", "c"), 1)], mute, 512, 256, "cpu")
