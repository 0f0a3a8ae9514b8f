"""Texts that quote an evaluation item: found by shared 13-grams (runs of 13 words), as is usual for language models' training data.

Items shorter than that cannot be seen by this check; how many there are is reported beside the findings.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gap.core.files import write_json
from gap.core.progress import progress
from gap.core.tables import read_table
from gap.tasks.items import MultipleChoice, load_items

#: Words that must be shared in a row (Brown et al. 2020, appendix C, use 13 as well).
NGRAM = 13
PUNCTUATION = re.compile(r"[^\w\s]|_")

#: task -> split -> file of items.
ItemFiles = dict[str, dict[str, Path]]


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return PUNCTUATION.sub("", text.lower()).split()


def ngrams(text: str) -> Iterator[str]:
    """Every 13-gram of a text; none when it is shorter."""
    parts = words(text)
    for start in range(len(parts) - NGRAM + 1):
        yield " ".join(parts[start : start + NGRAM])


def item_texts(task: str, path: Path) -> list[str]:
    """What all items of a file say: context and right continuation, or prompt and reference."""
    return [
        f"{item.context} {item.continuations[item.gold]}" if isinstance(item, MultipleChoice) else f"{item.prompt} {item.reference}"
        for item in load_items(task, path, sys.maxsize)
    ]


def item_ngrams(items: ItemFiles) -> frozenset[str]:
    """The 13-grams of all items of these files."""
    files = [(task, path) for task, splits in items.items() for path in splits.values()]
    return frozenset(ngram for task, path in files for text in item_texts(task, path) for ngram in ngrams(text))


def quotes(text: str, forbidden: frozenset[str]) -> bool:
    """Whether a text shares a 13-gram with the items behind ``forbidden``."""
    return bool(forbidden) and any(ngram in forbidden for ngram in ngrams(text))


def overlap_report(texts: list[Path], items: ItemFiles, out: Path) -> None:
    """Compare files of texts (table ``texts``) with files of items and write JSON::

        {"words": 13,
         "corpora": [{"name", "path", "texts", "overlapping", "indices": [text, ...], "tasks": {task: [text, ...]},
                      "matches": [{"text", "task", "split", "item", "words": the first shared 13-gram}, ...]}, ...],
         "tasks": {task: {split: {"items", "too_short"}}}}

    ``corpora`` has one entry per file, in the order given; ``too_short`` counts items of fewer than 13 words; all items
    of a file are looked at, also those beyond the number that is evaluated.

    Raises
    ------
    BadInput: a file of texts or items cannot be read.
    """
    corpora, index = _read_texts(texts)
    tasks: dict[str, dict[str, dict[str, int]]] = {}
    with progress("overlap", sum(map(len, items.values()))) as shown:
        for task, splits in items.items():
            tasks[task] = {}
            for split, path in splits.items():
                said = item_texts(task, path)
                for number, text in enumerate(said):
                    for corpus, match in _matches(text, index):
                        corpora[corpus]["matches"].append({**match, "task": task, "split": split, "item": number})
                tasks[task][split] = {"items": len(said), "too_short": sum(len(words(text)) < NGRAM for text in said)}
                shown.step(note=task)
    write_json(out, {"words": NGRAM, "corpora": [_summed(corpus) for corpus in corpora], "tasks": tasks})


def _read_texts(paths: Iterable[Path]) -> tuple[list[dict[str, Any]], dict[str, set[tuple[int, int]]]]:
    """An empty entry per file, and for each 13-gram the (file, text) pairs that hold it."""
    corpora: list[dict[str, Any]] = []
    index: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for number, path in enumerate(paths):
        frame = read_table(path, "texts", ["corpus", "text", "string"])
        for text, string in zip(frame["text"].tolist(), frame["string"].tolist(), strict=True):
            for ngram in ngrams(string):
                index[ngram].add((number, text))
        name = frame["corpus"].iloc[0] if len(frame) else ""
        corpora.append({"name": name, "path": Path(path).as_posix(), "texts": len(frame), "matches": []})
    return corpora, index


def _matches(text: str, index: dict[str, set[tuple[int, int]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(file, {"text", "words"}) for every text that shares a 13-gram with an item, at the item's first such."""
    seen: set[tuple[int, int]] = set()
    for ngram in ngrams(text):
        for number, index_in_file in sorted(index.get(ngram, set()) - seen):
            seen.add((number, index_in_file))
            yield number, {"text": index_in_file, "words": ngram}


def _summed(corpus: dict[str, Any]) -> dict[str, Any]:
    """The entry of a file with its matches counted."""
    by_task: defaultdict[str, set[int]] = defaultdict(set)
    for match in corpus["matches"]:
        by_task[match["task"]].add(match["text"])
    indices = sorted(set().union(*by_task.values()))
    return {**corpus, "overlapping": len(indices), "indices": indices, "tasks": {task: sorted(texts) for task, texts in by_task.items()}}
