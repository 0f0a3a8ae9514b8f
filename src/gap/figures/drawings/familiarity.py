"""How features of the texts go with the gains of the runs made on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gap.aggregate.study_index import ALL
from gap.describe.features import LABELS
from gap.figures.forest import Mark, Series, panel
from gap.figures.labels import GROUP_LABEL
from gap.figures.panels import corpus_handles
from gap.figures.phrases import all_baselines_text, runs_text
from gap.figures.points import where
from gap.figures.registry import FIGURES, LEAST_TEXTS, Figure, enough_texts
from gap.figures.style import DOUBLE, GREY, colour, drawing, legend_above, marker, save

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from gap.figures.data import StudyData

#: Nothing was chosen by looking at scores: gains at the best step are cut off at zero.
POLICY = "last"
#: Marks are filled where Holm's p is below what the intervals leave out.
ALPHA = 1 - 0.95
COLUMNS = ("rho", "low", "high", "p_holm")
#: Marker of all corpora together.
TOGETHER = "d"


def points(data: StudyData) -> pd.DataFrame:
    """By model, corpus (``all``: ranks within corpora), group and feature: runs, rank correlation, its interval and Holm's p."""
    import pandas as pd

    rows = []
    for (model, corpus, group, policy, feature), row in data.familiarity.items():
        prefix = "within_" if corpus == ALL else ""
        if policy == POLICY and feature in LABELS and row[f"{prefix}rho"] == row[f"{prefix}rho"]:
            rows.append((model, corpus, group, feature, int(row[f"{prefix}runs"]), *(row[f"{prefix}{name}"] for name in COLUMNS)))
    return pd.DataFrame(rows, columns=["model", "corpus", "group", "feature", "runs", *COLUMNS])


def draw(data: StudyData, folder: Path, name: str) -> None:
    """Panels: models by groups; rows: features; marks: rank correlation within all corpora, and in each, with 95 % intervals.

    Marks are filled where Holm's p over the features is below 0.05.  The first method of the study alone is shown.
    """
    from matplotlib.lines import Line2D

    study, frame = data.study, points(data)
    # at least one row, so that a study with too few runs still has a figure
    labels = {feature: label for feature, label in LABELS.items() if feature in set(frame["feature"])} or {"nll": LABELS["nll"]}
    handles = [Line2D([], [], linestyle="None", marker=TOGETHER, markersize=4, color=GREY, label="within corpora, all together")]
    handles += corpus_handles(study)
    height = 0.9 + len(study.groups) * (0.25 + max(0.2, 0.058 * (len(study.corpora) + 2)) * len(labels))
    with drawing(study, DOUBLE, height, len(study.groups), len(study.subjects), sharex=True, sharey=True) as (figure, grid):
        for group, line in zip(study.groups, grid, strict=True):
            for (model, label), axes in zip(study.subjects.items(), line, strict=True):
                panel(axes, list(labels), _series(where(frame, model=model, group=group), list(study.corpora)))
                axes.set_title(f"{label}, {GROUP_LABEL[group].lower()}")
                axes.set_xlim(-1.05, 1.05)
                axes.set_xticks([-1, -0.5, 0, 0.5, 1])
                if group == study.groups[-1]:
                    axes.set_xlabel("rank correlation with gain")
            line[0].set_yticks(range(len(labels)), list(labels.values()))
            line[0].set_ylim(len(labels) - 0.5, -0.5)
        legend_above(figure, handles, len(handles))
        save(figure, folder, name, frame)


def _series(rows: pd.DataFrame, corpora: list[str]) -> list[Series]:
    """All corpora together, then each."""
    looks = {ALL: (GREY, TOGETHER)} | {corpus: (colour(index), marker(index)) for index, corpus in enumerate(corpora)}
    return [Series(*look, _marks(where(rows, corpus=corpus))) for corpus, look in looks.items()]


def _marks(rows: pd.DataFrame) -> dict[str, Mark]:
    """Feature -> mark."""
    return {row["feature"]: Mark(row["rho"], row["low"], row["high"], filled=row["p_holm"] < ALPHA) for row in rows.to_dict("records")}


def caption(data: StudyData) -> str:
    """What the figure shows, and of how many runs."""
    frame = points(data)
    least = min(frame.loc[frame["corpus"] != ALL, "runs"], default=0)
    return (
        "Spearman's rank correlation, over runs, of a run's gain at the last step with what the unmodified model makes of its text, with 95 % bootstrap "
        "intervals over runs. Grey: all corpora together, ranks taken within each corpus, because corpora differ in texts and gains alike; colours: single corpora. "
        "Filled: permutation p below 0.05 after Holm over the features of one panel and colour. Without a line: a perfect order, which no resample can break. No mark: fewer than four runs, or a feature or gain that is "
        f"the same for all of them; a feature that has no mark anywhere is left out. The gradient cosine is the mean over the group's tasks; the fewest runs behind a coloured mark are {least}, and below some ten an interval "
        "says little. These features go together and none was varied alone. Gains at the best step, all corpora with ranks over all of them, and p-values "
        f"are in familiarity.csv. Unmodified models, {all_baselines_text(data)}. {runs_text(data)}."
    )


FIGURES.add(
    Figure(
        name="familiarity",
        title="Gain against what the unmodified model makes of the text",
        draw=draw,
        caption=caption,
        order=7,
        exists=enough_texts,
        needs=f"{LEAST_TEXTS} texts of each corpus, as its table does: over fewer, the interval of a rank correlation reaches nearly from \N{MINUS SIGN}1 to 1",
        tables=("familiarity",),
    )
)
