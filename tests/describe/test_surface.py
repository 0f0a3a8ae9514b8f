"""Length, vocabulary and compressibility by hand."""

from __future__ import annotations

import zlib

import pytest

from gap.describe.surface import compressed, surface, type_token_ratio


def test_types_over_tokens() -> None:
    assert type_token_ratio([5, 6, 5, 5]) == pytest.approx(2 / 4)
    assert type_token_ratio([]) == 0.0 and type_token_ratio([1]) == 1.0


def test_repetitive_text_compresses_better() -> None:
    text = "ab" * 100
    assert compressed(text) == len(zlib.compress(text.encode(), 9)) / 200
    assert compressed(text) < 0.2 < compressed("The quick brown fox jumps over the lazy dog")
    assert compressed("é") == len(zlib.compress(b"\xc3\xa9", 9)) / 2
    assert compressed("") == 0.0 and compressed("\ud800") > 0


def test_all_of_them() -> None:
    assert surface([7, 7, 8], "aab") == {"type_token_ratio": 2 / 3, "compressed": compressed("aab"), "tokens": 3.0}
