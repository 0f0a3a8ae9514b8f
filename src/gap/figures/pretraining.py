"""Loss curves of the base models trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.core.errors import BadInput
from gap.figures.data import Data
from gap.figures.style import SINGLE, colour, drawing, handle, legend_above, marker, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

TOKENS, LOSS = "tokens", "validation_loss"


def curves(data: Data) -> pd.DataFrame:
    """The loss curves: columns model, tokens, validation_loss (nats per token).

    Raises
    ------
    BadInput: there is no curve, or it lacks a column.
    """
    missing = [column for column in ("model", TOKENS, LOSS) if column not in data.pretraining]
    if missing or data.pretraining.empty:
        found = f"no column {missing[0]!r}" if missing else "no loss curve"
        where = str(data.study.path("plot_pretraining"))
        raise BadInput(where, found, "the loss curve of every model trained here", "Build the base models again.")
    return data.pretraining


def draw(data: Data, folder: Path, name: str) -> None:
    """Held-out loss against the tokens trained on, one line per model."""
    table, study = curves(data), data.study
    shown = [model for model in study.models if model in set(table["model"])]
    with drawing(study, SINGLE, 2.3) as (figure, [[axes]]):
        for place, model in enumerate(shown):
            rows = table[table["model"] == model]
            every = max(1, len(rows) // 10)
            axes.plot(rows[TOKENS] / 1e6, rows[LOSS], marker=marker(place), markersize=3, markevery=every, color=colour(place))
        axes.set_xlabel("million tokens")
        axes.set_ylabel("held-out loss (nats/token)")
        axes.grid(axis="y")
        handles = [handle(study.models[model], place, "-") for place, model in enumerate(shown)]
        legend_above(figure, handles, min(4, len(handles)))
        save(figure, folder, name)
