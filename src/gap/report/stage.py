"""The stage: renders the page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_object, write_text
from gap.figures.data import StudyData, load, read_optional
from gap.figures.page import render
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
#: Data of a figure of at most this many bytes are a download inside the page; larger ones are named.
EMBEDDED = 100_000


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
        answer=summary.answer(data),
        limits=limits(data),
        cards=claim_cards(data.verdicts, data.study.models),
        first=[figure for figure in shown if figure["name"] == FIRST],
        findings=summary.findings(data),
        more=summary.more(data),
        figures=[figure for figure in shown if figure["name"] != FIRST],
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


def _figures(data: StudyData) -> list[dict[str, str]]:
    """Every figure that has a caption, in the order of the registry: name, title, caption, width class, PNG (base64) and its
    ``pixels`` from left to right, the file names of the tables that it is drawn from, and its data: as a link (``csv``; empty where they are too large) and as a file name."""
    captions = read_object(data.study.path("captions"))
    folder = data.study.path("figures")
    figures = []
    for figure in FIGURES:
        if figure.name in captions:
            tables = ", ".join(data.study.path(name).name for name in figure.tables)
            csv = folder / f"{figure.name}.csv"
            link = ""
            if csv.exists() and csv.stat().st_size <= EMBEDDED:
                link = f"data:text/csv;base64,{_encoded(csv)}"
            png = folder / f"{figure.name}.png"
            files = {"data": _encoded(png), "pixels": str(_width(png)), "csv": link, "csv_name": csv.name if csv.exists() else ""}
            figures.append(
                {
                    "name": figure.name,
                    **captions[figure.name],
                    "width": "narrow" if _width(png) <= NARROW else "wide",
                    "tables": tables,
                    **files,
                }
            )
    return figures


def _width(png: Path) -> int:
    """Width of a PNG in pixels, by its header."""
    return int.from_bytes(png.read_bytes()[16:20], "big")


def _encoded(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "the figures of this study", "Run gap figures first.") from error
