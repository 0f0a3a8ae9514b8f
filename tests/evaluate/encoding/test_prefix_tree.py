"""Prefix trees: structure by hand and by property, and the same scores as one sequence per continuation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.evaluate.encoding import prefix_tree as tree
from gap.evaluate.encoding.batches import Batch, ItemChunk, ScoredSequence, plain_batches
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.encoding.prefix_tree import MAX_WIDTH, ancestor_mask, build_trie, common_prefix_length, group_by_prefix, tree_batches
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice

#: few different tokens, so that sequences share beginnings by chance; up to the 160 positions of the tiny models
TOKENS = st.integers(5, 8)


@st.composite
def forests(draw: Any) -> list[ScoredSequence]:
    """Sequences of several items: contexts of any length, continuations of one token and more, some of them twice."""
    made: list[ScoredSequence] = []
    for _ in range(draw(st.integers(1, 4))):
        context = tuple(draw(st.lists(TOKENS, min_size=1, max_size=draw(st.sampled_from([1, 3, 40, 130])))))
        for _ in range(draw(st.integers(1, 5))):
            continuation = tuple(draw(st.lists(TOKENS, min_size=1, max_size=12)))
            made.append(ScoredSequence((*context, *continuation[:-1]), len(context) - 1, continuation, len(made)))
    if draw(st.booleans()):
        twice = made[0]
        made.append(ScoredSequence(twice.ids, twice.start, twice.targets, len(made)))
    return made


def sums(model: Any, batches: tuple[Batch, ...], count: int) -> np.ndarray:
    return np.concatenate(score_chunks(split_model(model), [ItemChunk((count,), batches)])[0])


def test_a_tree_by_hand() -> None:
    group = [
        ScoredSequence((2, 5, 6), 1, (6, 9), 0),
        ScoredSequence((2, 5, 7, 8), 1, (7, 8, 9), 1),
        ScoredSequence((2, 5, 7, 8), 1, (7, 8, 4), 2),
    ]
    made = build_trie(group)
    assert made.tokens == (2, 5, 6, 7, 8)
    assert made.parents == (-1, 0, 1, 1, 3)
    assert made.depths == (0, 1, 2, 2, 3)
    assert made.nodes == ((1, 2), (1, 3, 4), (1, 3, 4))
    seen = ancestor_mask(made.parents, 6).astype(int).tolist()
    assert seen == [[1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0], [1, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]]


@given(forests())
@settings(max_examples=60)
def test_every_path_of_a_tree_spells_its_sequence(sequences: list[ScoredSequence]) -> None:
    trees = group_by_prefix(sequences)
    assert sorted(one.slot for each in trees for one in each.members) == sorted(one.slot for one in sequences)
    assert sum(len(each.tokens) for each in trees) <= sum(len(one.ids) for one in sequences)
    for each in trees:
        seen = ancestor_mask(each.parents, len(each.tokens))
        for member, nodes in zip(each.members, each.nodes, strict=True):
            last = nodes[-1]
            path = np.flatnonzero(seen[last])
            assert [each.tokens[node] for node in path] == list(member.ids[: each.depths[last] + 1])
            assert [each.depths[node] for node in path] == list(range(len(path)))
            assert list(nodes) == path[member.start :].tolist()


@given(st.lists(TOKENS), st.lists(TOKENS))
def test_common_beginning(one: list[int], other: list[int]) -> None:
    count = common_prefix_length(one, other)
    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]


@pytest.mark.parametrize("name", ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2"])
@given(sequences=forests(), batch_tokens=st.sampled_from([64, 700, 5000]))
@settings(max_examples=12)
def test_trees_score_as_single_sequences_do(models: Any, name: str, sequences: list[ScoredSequence], batch_tokens: int) -> None:
    model, count = models(name), len(sequences)
    one = sums(model, tree_batches(sequences, batch_tokens, "cpu"), count)
    other = sums(model, plain_batches(sequences, batch_tokens, "cpu"), count)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


def test_continuations_share_their_context_and_long_strangers_do_not_share_a_row(tokenizer: Any) -> None:
    words = "the cat sat on a mat and that is so"
    items = [MultipleChoice(f"{number} {words * 3}", (" yes", " no, it is not", " a mat"), 0) for number in range(6)]
    trees, plain = (
        sum(batch.num_tokens for chunk in encode_items(items, tokenizer, 150, 10**6, "cpu", layout) for batch in chunk.batches)
        for layout in ("tree", "plain")
    )
    contexts = sum(len(tokenizer.encode(item.context)) for item in items)
    assert plain > 2 * contexts and trees < 1.3 * contexts
    # sharing the opening token alone is worth a row of its own only to short ones
    strangers = [
        ScoredSequence((2, *range(10 * place, 10 * place + length)), 0, (10 * place,), place) for place in (1, 2) for length in (30, 90)
    ]
    assert [len(each.members) for each in group_by_prefix([strangers[0], strangers[2]])] == [2]
    assert [len(each.members) for each in group_by_prefix([strangers[1], strangers[3]])] == [1, 1]


def test_rows_stay_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_WIDTH", 30)
    context = tuple(range(5, 25))
    sequences = [ScoredSequence((*context, 30 + place, 50, 51), 19, (30 + place, 50, 51, 52), place) for place in range(8)]
    assert [len(each.tokens) for each in group_by_prefix(sequences)] == [29, 29, 26]
    assert MAX_WIDTH > 1024, "a context and its continuations fit a row"
