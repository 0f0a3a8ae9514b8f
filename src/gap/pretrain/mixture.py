"""Texts of a mixture of sources, in an order that makes every prefix of it an unbiased sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gap.core.digest import text_digest
from gap.core.errors import BadInput
from gap.corpora.documents import documents
from gap.params.sources import Source


def shares(mixture: Mapping[str, float]) -> dict[str, float]:
    """The weights divided by their sum, sources without weight left out.

    Raises
    ------
    BadInput: a weight is negative, or all are zero.
    """
    total = sum(mixture.values())
    if min(mixture.values()) < 0 or total <= 0:
        raise BadInput("mixture", f"{dict(mixture)}", "weights of 0 or more, at least one above 0", "Correct the weights in params.yaml.")
    return {name: weight / total for name, weight in mixture.items() if weight > 0}


def in_hash_order(texts: Iterable[str]) -> Iterator[str]:
    """The distinct non-blank texts, ordered by a digest: a shuffle that depends on nothing but the texts.

    The digest is salted, because the held-out split goes by the plain one.
    """
    yield from dict(sorted((text_digest(f"training {text}"), text) for text in texts if text.strip())).values()


def training_texts(source: Source, seed: int) -> Iterator[str]:
    """Texts of a source's training part in hash order (all of them are held in memory)."""
    return in_hash_order(document.text for document in documents(source, "train", seed))
