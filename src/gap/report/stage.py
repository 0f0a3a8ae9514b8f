"""The stage: renders the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.core.files import read_object, write_text
from gap.figures.data import StudyData, load, read_optional
from gap.figures.page import embedded, render
from gap.figures.registry import FIGURES
from gap.figures.stage import study_tables
from gap.report import provenance, summary
from gap.report.checklist import checklist, compute
from gap.report.limits import limits, methods_box, of_runs
from gap.report.noise import noise_dropped, noise_floors, noise_rows
from gap.report.paper import paper_table
from gap.report.verdicts import claim_cards, verdict_rows

#: The figure that stands beside the answer.
FIRST = "verdicts"
#: Figures of at most this many pixels stand side by side.
NARROW = 700


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

    lock, overlap, boundary, noise = (read_optional(data.study.path(name)) for name in ("fetch_lock", "overlap", "boundary", "noise"))
    shown = _figures(data)
    too_short = provenance.too_short(overlap)
    return render(
        "gap.report",
        "page.html",
        title=data.study.title,
        study=data.study.name,
        digest=data.study.digest,
        question=summary.QUESTION,
        answer=summary.answer(data.verdicts, data.study.models),
        limits=limits(data),
        cards=claim_cards(data.verdicts, data.study.models),
        first=[figure for figure in shown if figure["name"] == FIRST],
        findings=summary.findings(data),
        more=summary.more(data),
        figures=[figure for figure in shown if figure["name"] != FIRST],
        absent=absent(data),
        paper=paper_table(data, data.study.plan.get("settings", {}).get("paper", [])),
        box=methods_box(data),
        of_runs=of_runs(data, overlap),
        verdicts=verdict_rows(data.verdicts, data.study.models),
        tables=study_tables(data),
        checklist=checklist(data, too_short),
        compute=compute(data),
        overlap=overlap,
        too_short=too_short,
        boundary=boundary,
        noise=noise_rows(noise),
        floors=noise_floors(noise),
        dropped=noise_dropped(noise),
        parameters=yaml.safe_dump(data.study.plan["study"], sort_keys=False, allow_unicode=True, width=110),
        origin=provenance.origin(data),
        counts=provenance.counts(data),
        models=provenance.models(data),
        fetched=provenance.fetched(lock),
        environments=provenance.environments(data),
    )


def absent(data: StudyData) -> list[str]:
    """Title of each figure that a study of this shape does not have, and what it would need."""
    return [
        f"{figure.title} (needs {figure.needs})"
        for figure in FIGURES
        if figure.name not in data.study.plan["figure_names"] and figure.needs
    ]


def _figures(data: StudyData) -> list[dict[str, str]]:
    """Every figure that has a caption, in the order of the registry: name, heading, title with its message, caption, width class, its ``pixels`` from left to right,
    the file names of the tables that it is drawn from, and its files as ``embedded`` gives them."""
    captions = read_object(data.study.path("captions"))
    folder = data.study.path("figures")
    figures = []
    for figure in FIGURES:
        if figure.name in captions:
            tables = ", ".join(data.study.path(name).name for name in figure.tables)
            files = embedded(folder, figure.name)
            pixels = _width(folder / f"{figure.name}.png")
            figures.append(
                {
                    "name": figure.name,
                    "heading": figure.title,
                    **captions[figure.name],
                    "width": "narrow" if pixels <= NARROW else "wide",
                    "tables": tables,
                    "pixels": str(pixels),
                    **files,
                }
            )
    return figures


def _width(png: Path) -> int:
    """Width of a PNG in pixels, by its header."""
    return int.from_bytes(png.read_bytes()[16:20], "big")
