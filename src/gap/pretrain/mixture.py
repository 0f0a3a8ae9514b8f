"""Texts of a mixture of sources, in an order that makes every prefix of it an unbiased sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gap.core.digest import text_digest
from gap.corpora.documents import documents
from gap.params.sources import Source


def shares(mixture: Mapping[str, float]) -> dict[str, float]:
    """The weights, all of them positive, divided by their sum."""
    total = sum(mixture.values())
    return {name: weight / total for name, weight in mixture.items()}


def in_hash_order(texts: Iterable[str]) -> Iterator[str]:
    """The distinct non-blank texts, ordered by a digest: a shuffle that depends on nothing but the texts.

    The digest is salted, because the held-out split goes by the plain one.
    """
    yield from dict(sorted((text_digest(f"training {text}"), text) for text in texts if text.strip())).values()


def training_texts(source: Source, seed: int) -> Iterator[str]:
    """Texts of a source's training part in hash order (all of them are held in memory)."""
    return in_hash_order(document.text for document in documents(source, "train", seed))
