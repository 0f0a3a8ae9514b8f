"""One look for all figures, and files whose bytes depend on nothing but their content."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gap.core.files import write_text, writing
from gap.figures.fonts import FAMILY, find_glyphs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Grid = list[list["Axes"]]
#: Widths of a two-column paper, inches.
SINGLE, DOUBLE = 3.3, 6.9
#: Okabe and Ito's colours, which colour-blind readers can tell apart; markers carry the same distinction.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#555555"
LINE_HEIGHT = 0.14
#: Columns of points that hold whole numbers, or nothing.
COUNTS = ("text", "step", "epoch", "runs", "rows", "items", "tokens")

SETTINGS: Any = {
    "font.family": FAMILY,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # whole TrueType fonts: what publishers ask for
    "savefig.dpi": 200,
    "svg.hashsalt": "gap",
    "axes.unicode_minus": True,
    "text.parse_math": False,  # labels are a study's own: a dollar sign in one is a dollar sign
}


class Stamp(Protocol):
    """What every figure says at its foot: the study, and the digest of the plan it was drawn for."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...


@contextmanager
def drawing(study: Stamp, width: float, height: float, rows: int = 1, columns: int = 1, **more: Any) -> Iterator[tuple[Figure, Grid]]:
    """A figure of ``width`` x ``height`` inches with a grid of axes and, in grey at the foot, where it comes from."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **more)
        strip = 0.14 / height
        figure.get_layout_engine().set(rect=(0, strip, 1, 1 - strip), w_pad=0.03, h_pad=0.03)
        figure.text(0.995, 0.02 / height, f"study {study.name}, plan {study.digest}", ha="right", va="bottom", fontsize=5, color="#888888")
        try:
            yield figure, [list(row) for row in axes]
        finally:
            plt.close(figure)


def save(figure: Figure, folder: Path, name: str, points: pd.DataFrame | None = None) -> None:
    """Write ``name``.pdf and ``name``.png without times or program names, so that equal figures are equal bytes.

    ``points``, what the figure draws, is written beside them as ``name``.csv.
    """
    if points is not None:
        whole = {column: "Int64" for column in COUNTS if column in points}
        write_text(folder / f"{name}.csv", str(points.astype(whole).to_csv(index=False, float_format="%.6f", lineterminator="\n")))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # said below, with the label
        _write(figure, folder, name)


def _write(figure: Figure, folder: Path, name: str) -> None:
    _lay_out(figure, name)
    for ending, metadata in (("pdf", {"CreationDate": None, "Creator": None, "Producer": None}), ("png", {"Software": None})):
        with writing(folder / f"{name}.{ending}") as temporary:
            figure.savefig(temporary, format=ending, metadata=metadata)


def _lay_out(figure: Figure, name: str) -> None:
    """Lay the axes out once, for both files; the solver's last bits differ from call to call, so positions are rounded."""
    figure.draw_without_rendering()
    if find_glyphs(figure, name):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = axes.get_position(original=True).bounds
        axes.set_position((round(left, 6), round(bottom, 6), round(width, 6), round(height, 6)))


def colour(index: int) -> str:
    """Colour of the corpus or model number ``index``."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Marker of the corpus or model number ``index``."""
    return MARKERS[index % len(MARKERS)]


def handle(label: str, index: int | None = None, line: str = "", tint: str = "") -> Line2D:
    """An entry of a legend: a marker (``index``), a line (``line``), or both."""
    from matplotlib.lines import Line2D

    shape = marker(index) if index is not None else "None"
    shade = tint or (colour(index) if index is not None else GREY)
    style: Any = line or "None"
    return Line2D([], [], linestyle=style, marker=shape, markersize=4, color=shade, linewidth=1.2, label=label)


def legend_above(figure: Figure, handles: list[Line2D], columns: int, title: Sequence[str] = ()) -> None:
    """A legend above all axes, in its own strip; the lines of a title, each ``LINE_HEIGHT`` inches high, stand over it."""
    look: dict[str, Any] = {"columnspacing": 1.2, "handletextpad": 0.4, "borderaxespad": 0.1}
    look |= {"title": "\n".join(title), "title_fontsize": 8, "alignment": "left"} if title else {}
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, **look)


def jitter(count: int, width: float) -> list[float]:
    """``count`` offsets in [-width / 2, width / 2] that look scattered and are always the same (golden-ratio steps)."""
    return [width * ((0.5 + index * 0.6180339887498949) % 1 - 0.5) for index in range(count)]
