"""Names of the task groups and the unit of scores, as figures, tables and sentences write them."""

from __future__ import annotations

#: Scores are fractions in the tables and points (per cent) in figures and text.
POINTS = 100.0
GROUP_LABEL = {"dialogue": "Dialogue", "classification": "Classification"}
AXIS_LABEL = {"dialogue": "dialogue F1", "classification": "classification accuracy"}
