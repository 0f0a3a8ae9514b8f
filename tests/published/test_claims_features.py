"""Features of texts, by hand."""

from __future__ import annotations

import pytest

from gap.published.claims.correlations import FEATURES, features


def test_sizes() -> None:
    assert features("añ b\n")["characters"] == 5
    assert features("def f(x_1): return x_1")["words"] == 5  # def, f, x_1, return, x_1


def test_type_token_ratio_ignores_case() -> None:
    assert features("The the THE cat")["vocabulary"] == pytest.approx(2 / 4)
    assert features("{} ;;")["vocabulary"] == 0.0


def test_symbols_are_neither_letters_nor_digits_nor_white_space() -> None:
    assert features("a(b) \n9_")["symbols"] == pytest.approx(3 / 8)  # ( ) _
    assert features("é ß\t1")["symbols"] == 0.0


def test_no_text_has_features_of_zero_and_a_lone_surrogate_does_not_fail() -> None:
    assert features("") == dict.fromkeys(FEATURES, 0.0)
    assert features("\ud800")["characters"] == 1
