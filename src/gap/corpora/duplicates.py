"""Dropping texts that repeat an earlier one, word for word or nearly."""

from __future__ import annotations

from collections import Counter, defaultdict

#: Words per shingle.
SHINGLE = 5


def shingles(text: str) -> frozenset[str]:
    """Runs of five words (lower case, separated by white space); a shorter text is one shingle."""
    words = text.lower().split()
    return frozenset(" ".join(words[start : start + SHINGLE]) for start in range(max(len(words) - SHINGLE, 0) + 1))


class SeenTexts:
    """The texts so far; says of a new one whether it repeats any of them.

    Similarity is the Jaccard index of the shingle sets, computed exactly: an inverted index finds the texts that share
    a shingle, which for corpora of some thousand short texts is quicker than estimating it, and misses none.

    Parameters
    ----------
    threshold: similarity from which a text counts as a near duplicate; 1 turns the check off.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._exact: set[str] = set()
        self._sizes: list[int] = []
        self._texts_with: defaultdict[str, list[int]] = defaultdict(list)

    def repeats(self, text: str) -> str:
        """``exact`` (white space aside), ``near``, or nothing."""
        if " ".join(text.split()) in self._exact:
            return "exact"
        return "near" if self._sizes and self.similarity(text) >= self.threshold else ""

    def similarity(self, text: str) -> float:
        """The largest Jaccard index of ``text`` with an earlier one; 0 when there is none."""
        new = shingles(text)
        shared = Counter(index for shingle in new for index in self._texts_with.get(shingle, ()))
        return max((count / (len(new) + self._sizes[index] - count) for index, count in shared.items()), default=0.0)

    def add(self, text: str) -> None:
        """Take note of ``text``."""
        self._exact.add(" ".join(text.split()))
        if self.threshold < 1:
            new = shingles(text)
            for shingle in new:
                self._texts_with[shingle].append(len(self._sizes))
            self._sizes.append(len(new))
