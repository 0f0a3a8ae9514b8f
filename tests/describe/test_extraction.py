"""Extraction likelihood: by hand, against decoding prefix by prefix without a cache, and against the measure without bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from gap.describe.extraction import Decoder, continuations, extraction_likelihood, ngrams, overlap, prefixes
from gap.describe.predictions import read
from gap.models.text import until

from .conftest import settings


def test_prefixes_are_spread_and_leave_room_for_one_ngram() -> None:
    assert prefixes(10, 3, 100) == [1, 2, 3, 4, 5, 6, 7]
    assert prefixes(10, 3, 3) == [1, 4, 7]
    assert prefixes(10, 3, 1) == [1]
    assert prefixes(4, 3, 9) == [1] and prefixes(3, 3, 9) == []


def test_overlap_by_hand() -> None:
    true = [1, 2, 3, 1, 2]  # 2-grams: 12 23 31 12
    assert overlap([1, 2, 9, 2, 3], true, 2) == pytest.approx(2 / 4)  # 12 and 23; 29 and 92 do not occur
    assert overlap([1, 2, 1, 2, 1], true, 2) == pytest.approx(2 / 4)  # 12 twice: every occurrence counts, 21 does not occur
    assert overlap([1, 2], true, 2) == pytest.approx(1 / 4)  # an answer that ended early
    assert overlap([], true, 2) == 0.0 and overlap(true, true, 5) == 1.0


def test_an_answer_goes_up_to_its_end_token() -> None:
    assert until([4, 2, 5, 2], {2}) == [4, 2] and until([4, 5], {2}) == [4, 5]


def generated(model: Any, ids: Tensor, start: int, length: int) -> list[int]:
    """Greedy decoding of one prefix by the book: the whole sequence goes through the model for every token."""
    sequence = ids[:start].tolist()
    with torch.no_grad():
        for _ in range(length):
            sequence.append(int(model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0, -1].argmax()))
    return sequence[start:]


@pytest.mark.parametrize("which", ["opt", "by_heart"])
def test_continuations_are_those_of_plain_decoding(which: str, ids: Tensor, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(which)
    starts = [1, 2, 7, len(ids) - 6]
    found = continuations(model, read(model, ids), starts, 6)
    assert found == [generated(model, ids, start, 6) for start in starts]


def unbounded(model: Any, ids: Tensor, ngram: int) -> float:
    """Jang et al.'s measure, word by word: every prefix, continued to the text's length."""
    whole, total = ids.tolist(), 0.0
    end = model.config.eos_token_id
    for start in range(1, len(whole) - ngram + 1):
        said = until(generated(model, ids, start, len(whole) - start), {end})
        true = {tuple(whole[place : place + ngram]) for place in range(start, len(whole) - ngram + 1)}
        parts = [tuple(said[place : place + ngram]) for place in range(len(said) - ngram + 1)]
        total += sum(part in true for part in parts) / (len(whole) - start - ngram + 1)
    return total / (len(whole) - ngram)


@pytest.mark.parametrize("ngram", [1, 2, 4])
def test_with_all_prefixes_and_tokens_it_is_the_published_measure(opt: Any, ids: Tensor, ngram: int) -> None:
    found = extraction_likelihood(Decoder(opt), read(opt, ids), settings(ngram=ngram, prefixes=10_000, continuation=10_000))
    assert found == pytest.approx(unbounded(opt, ids, ngram), abs=1e-12)
    assert ngram > 1 or found > 0


def test_a_text_known_by_heart_is_given_back_whole(by_heart: Any, ids: Tensor) -> None:
    assert extraction_likelihood(Decoder(by_heart), read(by_heart, ids), settings(ngram=8, prefixes=6, continuation=12)) == 1.0


def test_a_text_without_room_for_an_ngram_has_none(opt: Any, ids: Tensor) -> None:
    assert math.isnan(extraction_likelihood(Decoder(opt), read(opt, ids[:3]), settings(ngram=3)))
    assert extraction_likelihood(Decoder(opt), read(opt, ids[:4]), settings(ngram=3)) in (0.0, 1.0)


def test_reading_again_gives_the_same(opt: Any, ids: Tensor) -> None:
    reading = read(opt, ids)
    assert continuations(opt, reading, [1, 4], 5) == continuations(opt, reading, [1, 4], 5), "the cache is not used up"


@hypothesis_settings(max_examples=60)
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), min_size=4, max_size=12), st.integers(1, 4))
def test_overlap_lies_between_none_and_all(said: list[int], true: list[int], ngram: int) -> None:
    found = overlap(said[: len(true)], true, ngram)
    assert 0 <= found <= 1
    assert (found > 0) == bool(set(ngrams(said[: len(true)], ngram)) & set(ngrams(true, ngram)))
    assert overlap(true, true, ngram) == 1.0
