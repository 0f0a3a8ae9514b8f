"""The report on tokens at the boundary: which evaluation items another scorer would encode differently, counted and listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.files import write_json
from gap.core.progress import progress
from gap.models.pairs import together
from gap.models.tokenizer import load_tokenizer
from gap.tasks.items import MultipleChoice, load_items


@dataclass(frozen=True)
class Difference:
    """One continuation whose two encodings differ: (context, continuation) token ids the authors' way and lm-eval's."""

    item: int
    choice: int
    alone: tuple[tuple[int, ...], tuple[int, ...]]
    together: tuple[tuple[int, ...], tuple[int, ...]]


def boundary_differences(items: Sequence[MultipleChoice], tokenizer: Any) -> list[Difference]:
    """The continuations of ``items`` that lm-eval encodes differently, in order."""
    differences = []
    for index, item in enumerate(items):
        context = tuple(tokenizer.encode(item.context, add_special_tokens=False))
        for choice, continuation in enumerate(item.continuations):
            alone = (context, tuple(tokenizer.encode(continuation, add_special_tokens=False)))
            joint = together(item.context, continuation, tokenizer)
            if alone != joint:
                differences.append(Difference(index, choice, alone, joint))
    return differences


def boundary_report(tokenizers: dict[str, Path], items: dict[str, dict[str, Path]], limit: int, out: Path) -> None:
    """Compare lm-eval's encoding with the authors' for the first ``limit`` items of each file (task -> split -> file) and write JSON::

        {tokenizer: {task: {split: {"items", "continuations", "differing_items": [item, ...],
                                    "differences": [{"item", "item_hash", "choice", "alone": tokens, "together": tokens}, ...]}}}}

    ``alone`` and ``together`` are the tokens that are scored as the continuation in either way.  Dialogue has no
    continuations and no entry.

    Raises
    ------
    BadInput: a tokenizer or a file of items cannot be read.
    """
    report: dict[str, dict[str, dict[str, Any]]] = {}
    with progress("boundary", len(tokenizers) * sum(map(len, items.values()))) as shown:
        for name, folder in tokenizers.items():
            tokenizer = load_tokenizer(folder)
            report[name] = {}
            for task, splits in items.items():
                for split, path in splits.items():
                    entry = _entry([item for item in load_items(task, path, limit) if isinstance(item, MultipleChoice)], tokenizer)
                    if entry["items"]:
                        report[name].setdefault(task, {})[split] = entry
                    shown.step(note=f"{name} {task}")
    write_json(out, report)


def _entry(items: list[MultipleChoice], tokenizer: Any) -> dict[str, Any]:
    def row(difference: Difference) -> dict[str, Any]:
        index, tokens = difference.item, {"alone": difference.alone[1], "together": difference.together[1]}
        shown = {way: tokenizer.convert_ids_to_tokens(list(ids)) for way, ids in tokens.items()}
        return {"item": index, "item_hash": items[index].hash, "choice": difference.choice, **shown}

    differences = boundary_differences(items, tokenizer)
    return {
        "items": len(items),
        "continuations": sum(len(item.continuations) for item in items),
        "differing_items": sorted({difference.item for difference in differences}),
        "differences": [row(difference) for difference in differences],
    }
