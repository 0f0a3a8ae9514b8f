"""The stage: renders the page."""

from __future__ import annotations

import base64
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_object, write_text
from gap.figures.data import StudyData, load
from gap.figures.page import render
from gap.figures.registry import FIGURES
from gap.figures.stage import study_tables
from gap.report import provenance
from gap.report.limits import limits
from gap.report.noise import noise_dropped, noise_floors, noise_rows
from gap.report.summary import summary
from gap.report.verdicts import verdict_rows


def report(plan: dict[str, Any]) -> None:
    """Write report.html: one file, no network, no scripts.

    Raises
    ------
    BadInput: a table or a figure is missing.
    """
    data = load(plan)
    write_text(data.study.path("report"), page(data))


def page(data: StudyData) -> str:
    """The page as text."""
    import yaml

    names = ("overlap", "boundary", "noise", "verdicts")
    overlap, boundary, noise, verdicts = (provenance.read_optional(data.study.path(name)) for name in names)
    return render(
        "gap.report",
        "page.html",
        title=data.study.title,
        study=data.study.name,
        digest=data.study.digest,
        summary=summary(data),
        verdicts=verdict_rows(verdicts, data.study.models),
        figures=_figures(data),
        tables=study_tables(data),
        limits=limits(data, overlap),
        overlap=overlap,
        too_short=provenance.too_short(overlap),
        boundary=boundary,
        noise=noise_rows(noise),
        floors=noise_floors(noise),
        dropped=noise_dropped(noise),
        parameters=yaml.safe_dump(data.study.plan["study"], sort_keys=False, allow_unicode=True, width=110),
        origin=provenance.origin(data),
        counts=provenance.counts(data),
        models=provenance.models(data),
        environments=provenance.environments(data),
    )


def _figures(data: StudyData) -> list[dict[str, str]]:
    """Name, title, caption, width class and PNG (base64) of every figure that has a caption, in the order of the registry."""
    captions = read_object(data.study.path("captions"))
    return [
        {"name": figure.name, **captions[figure.name], "width": figure.width, "data": _encoded(data, figure.name)}
        for figure in FIGURES
        if figure.name in captions
    ]


def _encoded(data: StudyData, name: str) -> str:
    path = data.study.path("figures") / f"{name}.png"
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "the figures of this study", "Run gap figures first.") from error
