"""The noise floor: items whose prediction or answer depends on how the numbers were computed, and ties.

A score moves in its last bits with the batch it shares, the dtype and the kernel.  Where two continuations are that close,
or two next tokens, the choice between them is an accident of the machine.  What such items can add to an average is a
floor under every difference between checkpoints.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from gap.core.files import write_json
from gap.core.progress import progress
from gap.evaluate.checks.variants import Variant, open_variant, variants, with_masks_for
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import ASKED_FOR, SplitModel, split_model, whole_model
from gap.evaluate.item_scores import check_finite
from gap.evaluate.scoring.decoding_check import choose_decoding
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues, encode_trial
from gap.evaluate.scoring.layout_check import choose_layout
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.equivalence import UNSUITED, describe_error
from gap.models.load import load_model
from gap.models.text import check_max_length
from gap.models.tokenizer import load_tokenizer
from gap.params.evaluate import Evaluate
from gap.runtime.device import open_device
from gap.runtime.process_group import is_first
from gap.runtime.runtime import Runtime
from gap.tasks.items import Dialogue, Item, MultipleChoice, load_items

#: torch takes other products of half precision where the processor has instructions for them, whatever it is held to.
NOT_PORTABLE = dict.fromkeys(("bf16", "fp16"), "portable arithmetic has no half-precision products that are the same on every processor")


@dataclass(frozen=True)
class Scores:
    """What a variant says of all items.

    predictions: [items] index of the best continuation, or the response; values: [items] of the log-probabilities of its
    continuations, or of its NLL alone (nats); measure: [items] 1 where correct, else 0, or the F1.
    """

    predictions: list[Any]
    values: list[np.ndarray]
    measure: np.ndarray


@dataclass(frozen=True)
class VariantScorer:
    """A model that scores the items of one split of a task by any variant; ``encoded`` holds what variants share.

    fast: whether the study lays them out as trees, or decodes them with a cache; packed: whether it packs weights.
    refused: name of a variant -> why it is not tried.
    """

    network: SplitModel
    tokenizer: Any
    items: Sequence[Item]
    settings: Evaluate
    device: str
    fast: bool = True
    packed: bool = True
    refused: Mapping[str, str] = field(default_factory=dict)
    encoded: dict[tuple[int, str], Any] = field(default_factory=dict)

    @property
    def is_dialogue(self) -> bool:
        """Whether the items are dialogues."""
        return isinstance(self.items[0], Dialogue)

    def as_chosen(self) -> VariantScorer:
        """The same, with the layout or the way of decoding that a job of evaluation would choose for the items."""
        settings, items = self.settings, cast("Any", self.items)
        if self.is_dialogue:
            trial = encode_trial(items, self.tokenizer, settings, self.network.model, self.device)
            chosen, _ = choose_decoding(self.network, trial)
            return replace(self, fast=chosen == "cached")
        layout, _ = choose_layout(self.network, items, self.tokenizer, settings.max_length, self.device)
        return replace(self, fast=layout == "tree")

    def scores(self, variant: Variant) -> Scores:
        """Predictions, log-probabilities and measures of all items."""
        tokens = max(1, int(self.settings.batch_tokens * variant.tokens))
        key = (tokens, variant.layout)
        if key not in self.encoded:
            self.encoded[key] = self._encode(tokens, variant)
        encoded = self.encoded[key]
        with open_variant(self.network, variant if self.packed else replace(variant, packed=False)) as network:
            if self.is_dialogue:
                answers = [answer for chunk in answer_chunks(network, encoded, range(len(encoded.chunks))) for answer in chunk]
                f1 = np.array([answer.f1 for answer in answers])
                return Scores([answer.response for answer in answers], [np.array([answer.nll]) for answer in answers], f1)
            values = [sums for chunk in score_chunks(network, with_masks_for(encoded, variant)) for sums in chunk]
        predictions = [int(np.argmax(sums)) for sums in values]
        gold = [item.gold for item in cast("Sequence[MultipleChoice]", self.items)]
        return Scores(predictions, values, np.array([left == right for left, right in zip(predictions, gold, strict=True)], dtype=float))

    def _encode(self, tokens: int, variant: Variant) -> Any:
        if self.is_dialogue:
            settings = self.settings.model_copy(update={"batch_tokens": tokens})
            dialogues = cast("Sequence[Dialogue]", self.items)
            encoded = encode_dialogues(dialogues, self.tokenizer, settings, self.network.model, self.device)
            return encoded if self.fast else replace(encoded, decoding="plain")
        choices = cast("Sequence[MultipleChoice]", self.items)
        layout = variant.layout if self.fast else "plain"
        return encode_items(choices, self.tokenizer, self.settings.max_length, tokens, self.device, layout)


def noise_report(
    models: dict[str, Path],
    items: dict[str, dict[str, Path]],
    settings: Evaluate,
    out: Path,
    runtime: Runtime,
    plain: Collection[str] = (),
) -> None:
    """Score the first ``settings.noise_items`` items of each file (task -> split -> file) in every way and write JSON::

        {"items": most per task, "precision": the study's, "models": {model: {
            "tasks": {task: {split: {"items", "group", "ties", "near_ties": [item, ...], "largest": nats,
                                     "variants": {name: {"kind", "changed": [item, ...], "largest": nats, "score": points}}}}},
            "floor": {split: {group: {kind: {"tasks", "changed", "most", "seen"}}}}, "dropped": {name: reason}}}}

    Reference is the study's own way.  ``largest`` is the largest change of a log-probability (dialogue: of an answer's NLL);
    ``score`` the change of accuracy or mean F1; near ties are items whose two best continuations are no further apart than
    twice the largest change by shape or kernel.  ``floor``: by how many points the average over a group's tasks could change at
    ``most``, if all items that changed under any variant of that kind did so in one direction, and did change (``seen``).

    Parameters
    ----------
    plain: names of the models that the study scores without fast paths.

    Raises
    ------
    BadInput: a model or a file of items cannot be read, or the model has fewer positions than the settings ask for.
    """
    report: dict[str, Any] = {}
    limit = settings.noise_items
    refused = NOT_PORTABLE if runtime.arithmetic == "portable" else {}
    with progress("noise", len(models) * sum(map(len, items.values()))) as shown:
        for name, folder in models.items():
            device = open_device(runtime)
            model, tokenizer = load_model(folder, device), load_tokenizer(folder)
            network = whole_model(model, ASKED_FOR) if name in plain else split_model(model)
            tasks: dict[str, dict[str, Any]] = {}
            dropped: dict[str, str] = {}
            for task, splits in items.items():
                for split, path in splits.items():
                    scorer = VariantScorer(network, tokenizer, load_items(task, path, limit), settings, device.type, refused=refused)
                    if not scorer.is_dialogue:
                        check_max_length(settings.max_length, model)
                    scorer = replace(scorer, fast=False, packed=False) if name in plain else scorer.as_chosen()
                    tasks.setdefault(task, {})[split] = _entry(scorer, dropped)
                    shown.step(note=f"{name} {task}")
            report[name] = {"tasks": tasks, "floor": _floors(tasks), "dropped": dropped}
    if is_first():
        write_json(out, {"items": limit, "precision": settings.precision, "models": report})


def _entry(scorer: VariantScorer, dropped: dict[str, str]) -> dict[str, Any]:
    """One task's split by all variants; adds to ``dropped`` the variants that the model or the machine does not have."""
    study, *others = variants(scorer.settings.precision, scorer.device)
    reference = scorer.scores(study)
    for item, values in enumerate(reference.values):
        check_finite(values, f"noise floor, item {item}", scorer.settings.precision)
    entries: dict[str, Any] = {}
    for variant in others:
        if variant.layout == "plain" and (scorer.is_dialogue or not scorer.fast):
            continue
        if variant.name in scorer.refused:
            dropped[variant.name] = scorer.refused[variant.name]
            continue
        try:
            scores = scorer.scores(variant)
        except UNSUITED as error:
            dropped[variant.name] = describe_error(error)
            continue
        if not all(np.isfinite(values).all() for values in scores.values):
            dropped[variant.name] = "log-probabilities that are not finite"
            continue
        entries[variant.name] = {"kind": variant.kind, **_differences(reference, scores)}
    largest = max((entry["largest"] for entry in entries.values() if entry["kind"] != "dtype"), default=0.0)
    # a dialogue, or an item with one choice, has nothing to choose between
    margins = [float(np.diff(np.sort(sums)[-2:])[0]) if len(sums) > 1 else np.inf for sums in reference.values]
    return {
        "items": len(scorer.items),
        "group": "dialogue" if scorer.is_dialogue else "classification",
        "ties": sum(margin == 0 for margin in margins),
        "near_ties": [item for item, margin in enumerate(margins) if margin <= 2 * largest],
        "largest": largest,
        "variants": entries,
    }


def _differences(reference: Scores, scores: Scores) -> dict[str, Any]:
    largest = [float(np.max(np.abs(left - right))) for left, right in zip(reference.values, scores.values, strict=True)]
    pairs = zip(reference.predictions, scores.predictions, strict=True)
    changed = [item for item, (left, right) in enumerate(pairs) if left != right]
    return {"changed": changed, "largest": max(largest), "score": 100 * float(scores.measure.mean() - reference.measure.mean())}


def _floors(tasks: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Per split, group of tasks and kind of variant: what the average over the group's tasks can move by, in points."""
    floors: dict[str, dict[str, dict[str, Any]]] = {}
    for split in sorted({split for splits in tasks.values() for split in splits}):
        entries = [splits[split] for splits in tasks.values() if split in splits]
        for group in sorted({entry["group"] for entry in entries}):
            members = [entry for entry in entries if entry["group"] == group]
            floors.setdefault(split, {})[group] = {kind: _floor(members, kind) for kind in ("shape", "dtype", "kernel")}
    return floors


def _floor(entries: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    of_kind = [{name: variant for name, variant in entry["variants"].items() if variant["kind"] == kind} for entry in entries]
    changed = [{item for variant in named.values() for item in variant["changed"]} for named in of_kind]
    names = sorted({name for named in of_kind for name in named})
    seen = [abs(sum(named[name]["score"] for named in of_kind if name in named)) / len(entries) for name in names]
    return {
        "tasks": len(entries),
        "changed": sum(map(len, changed)),
        "most": sum(100 * len(items) / entry["items"] for items, entry in zip(changed, entries, strict=True)) / len(entries),
        "seen": max(seen, default=0.0),
    }
