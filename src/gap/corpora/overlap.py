"""Texts that quote an evaluation item: looked for by runs of 13 words, as is usual for language models' training data.

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
from gap.tasks.items import Dialogue, MultipleChoice, load_items

#: Words in a run (Brown et al. 2020, appendix C, use 13 as well).
RUN = 13
PUNCTUATION = re.compile(r"[^\w\s]|_")

#: task -> split -> file of items.
ItemFiles = dict[str, dict[str, Path]]


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return PUNCTUATION.sub("", text.lower()).split()


def runs(text: str) -> Iterator[str]:
    """Every run of 13 words of a text; none when it is shorter."""
    found = words(text)
    for start in range(len(found) - RUN + 1):
        yield " ".join(found[start : start + RUN])


def item_text(item: MultipleChoice | Dialogue) -> str:
    """What an item says: context and right continuation, or prompt and reference."""
    if isinstance(item, MultipleChoice):
        return f"{item.context} {item.continuations[item.gold]}"
    return f"{item.prompt} {item.reference}"


def item_runs(items: ItemFiles) -> frozenset[str]:
    """The runs of all items of these files."""
    found: set[str] = set()
    for task, splits in items.items():
        for path in splits.values():
            for item in load_items(task, path, sys.maxsize):
                found.update(runs(item_text(item)))
    return frozenset(found)


def quotes(text: str, forbidden: frozenset[str]) -> bool:
    """Whether a text shares a run with the items behind ``forbidden``."""
    return bool(forbidden) and any(run in forbidden for run in runs(text))


def overlap_report(texts: list[Path], items: ItemFiles, out: Path) -> None:
    """Compare files of texts (table ``texts``) with files of items and write JSON::

        {"words": 13,
         "corpora": [{"name", "path", "texts", "overlapping", "indices": [text, ...], "tasks": {task: [text, ...]},
                      "matches": [{"text", "task", "split", "item", "words": the first shared run}, ...]}, ...],
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
                loaded = load_items(task, path, sys.maxsize)
                for number, item in enumerate(loaded):
                    for corpus, match in _matches(item_text(item), index):
                        corpora[corpus]["matches"].append({**match, "task": task, "split": split, "item": number})
                short = sum(len(words(item_text(item))) < RUN for item in loaded)
                tasks[task][split] = {"items": len(loaded), "too_short": short}
                shown.step(note=task)
    write_json(out, {"words": RUN, "corpora": [_summed(corpus) for corpus in corpora], "tasks": tasks})


def _read_texts(paths: Iterable[Path]) -> tuple[list[dict[str, Any]], dict[str, set[tuple[int, int]]]]:
    """An empty entry per file, and for each run the (file, text) pairs that hold it."""
    corpora: list[dict[str, Any]] = []
    index: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for number, path in enumerate(paths):
        frame = read_table(path, "texts", ["corpus", "text", "string"])
        for text, string in zip(frame["text"].tolist(), frame["string"].tolist(), strict=True):
            for run in runs(string):
                index[run].add((number, text))
        name = frame["corpus"].iloc[0] if len(frame) else ""
        corpora.append({"name": name, "path": Path(path).as_posix(), "texts": len(frame), "matches": []})
    return corpora, index


def _matches(text: str, index: dict[str, set[tuple[int, int]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(file, {"text", "words"}) for every text that shares a run with an item, at the item's first such run."""
    seen: set[tuple[int, int]] = set()
    for run in runs(text):
        for place in sorted(index.get(run, set()) - seen):
            seen.add(place)
            yield place[0], {"text": place[1], "words": run}


def _summed(corpus: dict[str, Any]) -> dict[str, Any]:
    """The entry of a file with its matches counted."""
    by_task: defaultdict[str, set[int]] = defaultdict(set)
    for match in corpus["matches"]:
        by_task[match["task"]].add(match["text"])
    indices = sorted(set().union(*by_task.values()))
    return {**corpus, "overlapping": len(indices), "indices": indices, "tasks": {task: sorted(found) for task, found in by_task.items()}}
