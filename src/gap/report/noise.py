"""What the page says of the noise floor."""

from __future__ import annotations

from typing import Any

KINDS = {"shape": "batch shape", "dtype": "precision", "kernel": "kernel"}
SCORES = {"classification": "accuracy", "dialogue": "F1"}


def noise_rows(noise: dict[str, Any]) -> list[dict[str, Any]]:
    """Per model, task and split: items, how many change by each kind of variant, ties, near ties and the largest change (nats)."""
    return [
        {
            "model": model,
            "task": task,
            "split": split,
            "items": entry["items"],
            **{kind: len(_changed(entry, kind)) for kind in KINDS},
            "ties": entry["ties"] if entry["group"] == "classification" else "",
            "near": len(entry["near_ties"]) if entry["group"] == "classification" else "",
            "largest": f"{entry['largest']:.1e}",
        }
        for model, report in noise.get("models", {}).items()
        for task, splits in report["tasks"].items()
        for split, entry in splits.items()
    ]


def _changed(entry: dict[str, Any], kind: str) -> set[int]:
    """Items that change under any variant of that kind."""
    return {item for variant in entry["variants"].values() if variant["kind"] == kind for item in variant["changed"]}


def noise_floors(noise: dict[str, Any]) -> list[str]:
    """A sentence per model, split and group of tasks: the floor in points under a difference between two averages."""
    lines = []
    for model, report in noise.get("models", {}).items():
        for split, groups in report["floor"].items():
            for group, kinds in groups.items():
                count = next(iter(kinds.values()))["tasks"]
                parts = [f"{name} {kinds[kind]['seen']:.2f} (at most {kinds[kind]['most']:.2f})" for kind, name in KINDS.items()]
                lines.append(
                    f"{model}, {split}: with {noise['items']} items a task, the {count}-task average of {SCORES[group]} moved by this many "
                    f"points: {', '.join(parts)}; at most, had all changed items moved one way. "
                    "A smaller difference may be one of arithmetic, though its interval over runs excludes zero: such an interval covers the choice of texts alone."
                )
    return lines


def noise_dropped(noise: dict[str, Any]) -> list[str]:
    """A sentence per variant that a model or the machine does not have."""
    return [
        f"{model} was not scored with {name}: {reason.rstrip('.')}."
        for model, report in noise.get("models", {}).items()
        for name, reason in report["dropped"].items()
    ]
