"""The authors' rows in long form: one row per released row and task."""

from __future__ import annotations

import pandas as pd

from gap.published.read import GROUPS, ITEMS, RUN, Published
from gap.published.rows import unmodified


def observations(data: Published) -> pd.DataFrame:
    """Table ``published_rows``: ``row`` is the position in the authors' file, ``value`` and ``baseline`` are fractions."""
    parts = []
    for group, columns in GROUPS.items():
        frame, base = data.rows[group], unmodified(data, group)
        named = frame.assign(group=group, row=range(len(frame)), repeat=frame.groupby(list(RUN)).cumcount())
        long = named.melt([*RUN, "group", "row", "repeat", "epoch"], list(columns.values()), var_name="task", value_name="value")
        known = base[list(columns.values())].stack().to_dict()
        long["baseline"] = [known[key] for key in zip(long["model"], long["corpus"], long["task"], strict=True)]
        long["items"] = long["task"].map(ITEMS)
        parts.append(long.sort_values(["row", "task"], kind="stable"))
    return pd.concat(parts, ignore_index=True).rename(columns={"index": "text"})
