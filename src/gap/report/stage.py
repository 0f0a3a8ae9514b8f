"""The stage: renders the page."""

from __future__ import annotations

import base64
from importlib import resources
from typing import Any

from gap import __version__
from gap.core.errors import BadInput
from gap.core.files import read_json, write_text
from gap.figures.data import Data, load
from gap.figures.familiarity_table import familiarity_table
from gap.figures.tables import study_tables
from gap.report import provenance
from gap.report.limits import limits
from gap.report.noise import noise_dropped, noise_floors, noise_rows
from gap.report.summary import summary

#: Figures in the order of the page; others follow.
ORDER = (
    "figure1_dialogue",
    "figure1_classification",
    "gain_by_corpus",
    "methods",
    "score_by_step",
    "task_heatmap",
    "familiarity",
    "pretraining",
)
#: These are drawn for one column of a paper and need no more width here.
NARROW = ("figure1_dialogue", "figure1_classification", "pretraining")


def report(plan: dict[str, Any]) -> None:
    """Write report.html: one file, no network, no scripts.

    Raises
    ------
    BadInput: a table or a figure is missing.
    """
    data = load(plan)
    write_text(data.study.path("report"), page(data))


def page(data: Data) -> str:
    """The page as text."""
    import yaml
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    package = resources.files("gap.report")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    overlap, boundary, noise = (provenance.read_optional(data.study.path(name)) for name in ("overlap", "boundary", "noise"))
    return environment.from_string(package.joinpath("page.html").read_text(encoding="utf-8")).render(
        style=Markup(package.joinpath("page.css").read_text(encoding="utf-8")),
        study=data.study,
        version=__version__,
        summary=summary(data),
        figures=figures(data),
        tables=[*study_tables(data), familiarity_table(data)],
        limits=limits(data, overlap),
        overlap=provenance.overlap_rows(overlap),
        overlap_words=overlap.get("words", 13),
        too_short=provenance.too_short(overlap),
        boundary=provenance.boundary_rows(boundary),
        noise=noise_rows(noise),
        floors=noise_floors(noise),
        dropped=noise_dropped(noise),
        parameters=yaml.safe_dump(data.study.plan["study"], sort_keys=False, allow_unicode=True, width=110),
        origin=provenance.origin(data),
        counts=provenance.counts(data),
        models=provenance.models(data),
        environments=provenance.environments(data),
    )


def figures(data: Data) -> list[dict[str, str]]:
    """Name, title, caption, width class and PNG (base64) of every figure that has a caption.

    Raises
    ------
    BadInput: the captions or a figure are missing.
    """
    captions = read_json(data.study.path("captions"))
    names = sorted(captions, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    widths = {name: "narrow" if name in NARROW else "wide" for name in names}
    return [{"name": name, **captions[name], "width": widths[name], "data": _encoded(data, name)} for name in names]


def _encoded(data: Data, name: str) -> str:
    path = data.study.path("figures") / f"{name}.png"
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "the figures of this study", "Run gap figures first.") from error
