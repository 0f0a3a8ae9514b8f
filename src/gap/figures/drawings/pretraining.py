"""Loss curves of the base models trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.core.errors import BadInput
from gap.figures.registry import FIGURES, Figure
from gap.figures.style import SINGLE, colour, drawing, handle, legend_above, marker, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

TOKENS, LOSS = "tokens", "validation_loss"


def curves(data: StudyData) -> pd.DataFrame:
    """The loss curves: columns model, tokens, validation_loss (nats per token).

    Raises
    ------
    BadInput: there is no curve, or it lacks a column.
    """
    missing = [column for column in ("model", TOKENS, LOSS) if column not in data.pretraining]
    if missing or data.pretraining.empty:
        finding = f"no column {missing[0]!r}" if missing else "no loss curve"
        where = str(data.study.path("plot_pretraining"))
        raise BadInput(where, finding, "the loss curve of every model trained here", "Build the base models again.")
    return data.pretraining


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Held-out loss against the tokens trained on, one line per model."""
    table, study = curves(data), data.study
    models = [model for model in study.models if model in set(table["model"])]
    with drawing(study, SINGLE, 2.3) as (figure, [[axes]]):
        for index, model in enumerate(models):
            rows = table[table["model"] == model]
            every = max(1, len(rows) // 10)
            axes.plot(rows[TOKENS] / 1e6, rows[LOSS], marker=marker(index), markersize=3, markevery=every, color=colour(index))
        axes.set_xlabel("million tokens")
        axes.set_ylabel("held-out loss (nats/token)")
        axes.grid(axis="y")
        handles = [handle(study.models[model], index, "-") for index, model in enumerate(models)]
        legend_above(figure, handles, min(4, len(handles)))
        save(figure, folder, name, table)


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    last = data.pretraining.groupby("model", sort=False).last().reset_index().to_dict("records")
    shown = [
        f"{data.study.models[row['model']]} {row['validation_loss']:.2f} after {row['tokens'] / 1e6:.1f} million tokens" for row in last
    ]
    return (
        "Loss on held-out text (nats per token) while the base models of this study were trained; "
        f"at the end, n = {len(shown)}: {', '.join(shown)}. These are the unmodified models, the baselines of all other figures."
    )


FIGURES.add(
    Figure(
        name="pretraining",
        title="Training of the base models",
        draw=draw,
        caption=caption,
        order=8,
        exists=lambda shape: shape.pretrained,
        needs="a base model that is trained here",
        tables=("plot_pretraining",),
    )
)
