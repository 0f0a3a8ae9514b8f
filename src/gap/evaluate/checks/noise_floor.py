"""The noise floor: items whose prediction or answer depends on how the numbers were computed, and ties.

A score moves in its last bits with the batch it shares, the dtype and the kernel.  Where two continuations are that close,
or two next tokens, the choice between them is an accident of the machine.  What such items can add to an average is a
floor under every difference between checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from gap.core.files import write_json
from gap.core.progress import progress
from gap.evaluate.checks.variants import Variant, opened, suited, variants
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer
from gap.params.methods import Evaluate
from gap.runtime.device import open_device
from gap.runtime.process_group import is_first
from gap.runtime.runtime import Runtime
from gap.tasks.items import Dialogue, Item, MultipleChoice, load_items

#: What a model or a machine raises that has no such kernel.
UNSUITED = (ValueError, RuntimeError, NotImplementedError, ImportError)
#: choice: [items] predictions, [items] of log-probabilities and correct; dialogue: responses, NLL and F1.
Scores = tuple[list[Any], list[np.ndarray], np.ndarray]


def noise_report(models: dict[str, Path], items: dict[str, dict[str, Path]], settings: Evaluate, out: Path, runtime: Runtime) -> None:
    """Score the first ``settings.noise_items`` items of each file (task -> split -> file) in every way and write JSON::

        {"items": most per task, "precision": the study's, "models": {model: {
            "tasks": {task: {split: {"items", "group", "ties", "near_ties": [item, ...], "largest": nats,
                                     "variants": {name: {"kind", "changed": [item, ...], "largest": nats, "score": points}}}}},
            "floor": {split: {group: {kind: {"tasks", "changed", "most", "seen"}}}}, "dropped": {name: reason}}}}

    Reference is the study's own way.  ``largest`` is the largest change of a log-probability (dialogue: of an answer's NLL);
    ``score`` the change of accuracy or mean F1; near ties are items whose two best continuations are no further apart than
    twice the largest change by shape or kernel.  ``floor``: by how many points the average over a group's tasks could change at
    ``most``, if all items that changed under any variant of that kind did so in one direction, and did change (``seen``).

    Raises
    ------
    BadInput: a model or a file of items cannot be read.
    """
    found: dict[str, Any] = {}
    limit = settings.noise_items
    with progress("noise", len(models) * sum(map(len, items.values()))) as shown:
        for name, folder in models.items():
            place = open_device(runtime)
            network, tokenizer = split_model(load_model(folder, place)), load_tokenizer(folder)
            tasks: dict[str, dict[str, Any]] = {}
            dropped: dict[str, str] = {}
            for task, splits in items.items():
                for split, path in splits.items():
                    entry = _entry(network, tokenizer, load_items(task, path, limit), settings, place.type, dropped)
                    tasks.setdefault(task, {})[split] = entry
                    shown.step(note=f"{name} {task}")
            found[name] = {"tasks": tasks, "floor": _floors(tasks), "dropped": dropped}
    if is_first():
        write_json(out, {"items": limit, "precision": settings.precision, "models": found})


def _entry(
    network: SplitModel, tokenizer: Any, items: Sequence[Item], settings: Evaluate, device: str, dropped: dict[str, str]
) -> dict[str, Any]:
    """One task's split by all variants."""
    own, *others = variants(settings.precision, device)
    compiled: dict[tuple[int, str], Any] = {}
    reference = _scores(network, tokenizer, items, settings, device, compiled, own)
    dialogue = isinstance(items[0], Dialogue)
    entries: dict[str, Any] = {}
    for variant in others:
        if dialogue and variant.layout == "plain":
            continue
        try:
            scores = _scores(network, tokenizer, items, settings, device, compiled, variant)
        except UNSUITED as error:
            dropped[variant.name] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            continue
        entries[variant.name] = {"kind": variant.kind, **_differences(reference, scores)}
    largest = max((one["largest"] for one in entries.values() if one["kind"] != "dtype"), default=0.0)
    margins = [np.inf if dialogue else float(np.diff(np.sort(sums)[-2:])[0]) for sums in reference[1]]
    return {
        "items": len(items),
        "group": "dialogue" if dialogue else "classification",
        "ties": sum(margin == 0 for margin in margins),
        "near_ties": [place for place, margin in enumerate(margins) if margin <= 2 * largest],
        "largest": largest,
        "variants": entries,
    }


def _differences(one: Scores, other: Scores) -> dict[str, Any]:
    gaps = [float(np.max(np.abs(left - right))) for left, right in zip(one[1], other[1], strict=True)]
    changed = [place for place, (left, right) in enumerate(zip(one[0], other[0], strict=True)) if left != right]
    return {"changed": changed, "largest": max(gaps), "score": 100 * float(other[2].mean() - one[2].mean())}


def _scores(
    network: SplitModel,
    tokenizer: Any,
    items: Sequence[Item],
    settings: Evaluate,
    device: str,
    compiled: dict[tuple[int, str], Any],
    variant: Variant,
) -> Scores:
    """Predictions, log-probabilities and correctness of all items by one variant; ``compiled`` keeps what variants share."""
    tokens = max(1, int(settings.batch_tokens * variant.tokens))
    key = (tokens, variant.layout)
    if isinstance(items[0], Dialogue):
        if key not in compiled:
            how = settings.model_copy(update={"batch_tokens": tokens})
            compiled[key] = encode_dialogues(cast("Sequence[Dialogue]", items), tokenizer, how, network.model, device)
        dialogues = compiled[key]
        with opened(network, variant) as used:
            answers = [answer for block in answer_chunks(used, dialogues, range(len(dialogues.chunks))) for answer in block]
        return [one.response for one in answers], [np.array([one.nll]) for one in answers], np.array([one.f1 for one in answers])
    choices = cast("Sequence[MultipleChoice]", items)
    if key not in compiled:
        compiled[key] = encode_items(choices, tokenizer, settings.max_length, tokens, device, variant.layout)
    with opened(network, variant) as used:
        sums = [one for block in score_chunks(used, suited(compiled[key], variant)) for one in block]
    predictions = [int(np.argmax(one)) for one in sums]
    return predictions, sums, np.array([one == item.gold for one, item in zip(predictions, choices, strict=True)], dtype=float)


def _floors(tasks: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Per split, group of tasks and kind of variant: what the average over the group's tasks can move by, in points."""
    floors: dict[str, dict[str, dict[str, Any]]] = {}
    for split in sorted({split for splits in tasks.values() for split in splits}):
        entries = [splits[split] for splits in tasks.values() if split in splits]
        for group in sorted({entry["group"] for entry in entries}):
            own = [entry for entry in entries if entry["group"] == group]
            floors.setdefault(split, {})[group] = {kind: _floor(own, kind) for kind in ("shape", "dtype", "kernel")}
    return floors


def _floor(entries: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    of_kind = [{name: one for name, one in entry["variants"].items() if one["kind"] == kind} for entry in entries]
    changed = [{item for one in found.values() for item in one["changed"]} for found in of_kind]
    names = sorted({name for found in of_kind for name in found})
    seen = [abs(sum(found[name]["score"] for found in of_kind if name in found)) / len(entries) for name in names]
    return {
        "tasks": len(entries),
        "changed": sum(map(len, changed)),
        "most": sum(100 * len(items) / entry["items"] for items, entry in zip(changed, entries, strict=True)) / len(entries),
        "seen": max(seen, default=0.0),
    }
