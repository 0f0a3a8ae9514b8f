"""What can be read off a text without a model: length, repetitiveness, vocabulary."""

from __future__ import annotations

import zlib
from collections.abc import Sequence


def compressed(text: str) -> float:
    """Bytes after zlib (level 9) over UTF-8 bytes: small for repetitive text, above 1 for very short ones; 0 for no text."""
    raw = text.encode("utf-8", "surrogatepass")
    return len(zlib.compress(raw, level=9)) / len(raw) if raw else 0.0


def type_token_ratio(ids: Sequence[int]) -> float:
    """Distinct token ids over token ids (Johnson 1944; words there, the model's tokens here); 0 for none."""
    return len(set(ids)) / len(ids) if ids else 0.0


def surface(ids: Sequence[int], text: str) -> dict[str, float]:
    """Features of ``text``, whose token ids are ``ids`` [n - 1] without the opening token; ``tokens`` counts them."""
    return {"type_token_ratio": type_token_ratio(ids), "compressed": compressed(text), "tokens": float(len(ids))}
