"""How large the base models of a study are: of what was made, else of their settings, else of their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.errors import BadInput
from gap.core.files import read_object
from gap.params.models import PretrainedHere

if TYPE_CHECKING:
    from gap.plan.plan import Plan

#: Entries of the vocabulary of a model of which nothing says how many they are: OPT's.
UNKNOWN_VOCABULARY = 50272


@dataclass(frozen=True)
class ModelSize:
    """Numbers of a model's weights (NaN: unknown) and of the entries of its vocabulary."""

    parameters: float
    vocabulary: int = UNKNOWN_VOCABULARY


def recorded_size(record: Path) -> ModelSize:
    """The size of a base model that was made: its provenance record counts the weights, config.json beside it the vocabulary.

    Raises
    ------
    FileNotFoundError: the record is not there.
    BadInput, KeyError, TypeError, ValueError: it is not such a record.
    """
    if not record.exists():
        raise FileNotFoundError(2, "no such file", str(record))
    weights, config = float(read_object(record)["parameters"]), record.with_name("config.json")
    settings = read_object(config) if config.exists() else {}
    for part in (settings, settings.get("text_config")):  # the language model among several
        if isinstance(part, dict) and isinstance(size := part.get("vocab_size"), int):
            return ModelSize(weights, size)
    return ModelSize(weights)


def model_size(plan: Plan, name: str) -> ModelSize:
    """The size of a model: of its provenance record, its settings, or its id, label and packages (``135M``, ``1.3b``)."""
    model = plan.study.models[name]
    if isinstance(model, PretrainedHere):
        vocabulary = getattr(plan.study.tokenizers[model.tokenizer], "vocab_size", UNKNOWN_VOCABULARY)
        return ModelSize(float(_opt_parameters(model, vocabulary)), vocabulary)
    for record in sorted((plan.data / "models").glob(f"{name}-????????????/provenance.json")):
        try:
            return recorded_size(record)
        except (BadInput, KeyError, TypeError, ValueError):
            continue
    words = [getattr(model, "id", ""), model.label, name, *(part.package for part in getattr(model, "parts", []))]
    for word in words:
        if sized := re.search(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([MB])(?![A-Za-z])", word, re.IGNORECASE):
            return ModelSize(float(sized[1]) * (1e6 if sized[2].upper() == "M" else 1e9))
    return ModelSize(float("nan"))


def _opt_parameters(model: PretrainedHere, vocabulary: int) -> int:
    """OPT's weights: token and position embeddings (two more positions), per layer attention, feed-forward and two norms, the last norm."""
    hidden, ffn = model.hidden_size, model.ffn or 4 * model.hidden_size
    layer = 4 * hidden * (hidden + 1) + 2 * hidden * ffn + ffn + hidden + 4 * hidden
    return (vocabulary + model.context + 2) * hidden + model.layers * layer + 2 * hidden
