"""The data of DVC's plot."""

from __future__ import annotations

from gap.published.read import RUN, Published
from gap.published.rows import ORDER, gains


def gain_by_run(data: Published) -> str:
    """CSV with a row per run that both files have: series, model, corpus, text, gains (fractions; repeats averaged)."""
    columns = [gains(data, group).groupby(list(RUN))["gain"].mean().rename(f"{group}_gain") for group in ORDER]
    joined = columns[0].to_frame().join(columns[1], how="inner").reset_index().rename(columns={"index": "text"})
    joined.insert(0, "series", joined["model"] + " " + joined["corpus"])
    return str(joined.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
