"""Features of texts, by hand."""

from __future__ import annotations

import pytest

from gap.published.claims.features import FEATURES, characters, features, symbols, vocabulary, words


def test_sizes() -> None:
    assert characters("añ b\n") == 5
    assert words("def f(x_1): return x_1") == 5  # def, f, x_1, return, x_1


def test_type_token_ratio_ignores_case() -> None:
    assert vocabulary("The the THE cat") == pytest.approx(2 / 4)
    assert vocabulary("{} ;;") == 0.0


def test_symbols_are_neither_letters_nor_digits_nor_white_space() -> None:
    assert symbols("a(b) \n9_") == pytest.approx(3 / 8)  # ( ) _
    assert symbols("é ß\t1") == 0.0


def test_no_text_has_features_of_zero_and_a_lone_surrogate_does_not_fail() -> None:
    assert features("") == dict.fromkeys(FEATURES, 0.0)
    assert features("\ud800")["characters"] == 1
