"""Names of the task groups and the unit of scores, as figures, tables and sentences write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")
#: Scores are fractions in the tables and points (per cent) in figures and text.
POINTS = 100.0
GROUP_LABEL = {"dialogue": "Dialogue", "classification": "Classification"}
AXIS_LABEL = {"dialogue": "dialogue F1", "classification": "classification accuracy"}


def in_order(found: Mapping[str, Entry], names: Iterable[str]) -> dict[str, Entry]:
    """The entries of ``found`` in the order of ``names``, others behind them: JSON files of ours have theirs by the alphabet."""
    return {name: found[name] for name in dict.fromkeys([*names, *found]) if name in found}
