"""The stage: every analysis, its figures and tables, the numbers as JSON, the page."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import write_json, write_text
from gap.core.progress import progress
from gap.core.tables import write_table
from gap.figures.table import FORMATS
from gap.published.contents import AUDIT, CLAIMS, RESULTS, TEXTS
from gap.published.metrics import metrics
from gap.published.observations import observations
from gap.published.page import Page, Part, html, markdown
from gap.published.plots import gain_by_run
from gap.published.read import Published, read_published
from gap.published.section import Section, Settings
from gap.published.summary import summary

AUTHORS = "https://github.com/kaistAI/GAP"
#: Where page.md's links to the figures lead from results/STUDY.
FIGURES_LINK = "../../figures"
LEAD = "Every sentence is written by the study from its own numbers; the sections below give each with its interval and its limits."
PARTS = (
    (
        "claims",
        "The paper's figures and claims, recomputed",
        CLAIMS,
        "From the authors' two files of results alone: one row per run, at the epoch with the best average of its group.",
    ),
    ("audit", "Audit", AUDIT, "What these rows can and cannot carry, each check with its number."),
)


@dataclass(frozen=True)
class Stamp:
    """What every figure says at its foot."""

    name: str
    digest: str


def published(plan: dict[str, Any]) -> None:
    """Write everything that the plan names.

    Raises
    ------
    BadInput: one of the authors' files lacks a column or holds a value that is not allowed; a figure or table is made that the plan
        does not name.
    """
    light = {name: Path(path) for name, path in plan["light"].items()}
    data = read_published(light["upstream"] / Path(RESULTS[0]).parent, light["upstream"] / Path(TEXTS[0]).parent)
    parts = analyse(data, settings(plan))
    sections = {section.name: section for part in parts for section in part.sections}
    short = summary(sections)
    _check_names(plan, list(sections.values()))
    _draw(sections, Stamp(plan["study"]["name"], plan["digest"]), light["figures"], light["captions"])
    for section in sections.values():
        for table in section.tables:
            for ending, written in FORMATS.items():
                write_text(light["tables"] / f"{table.name}.{ending}", written(table))
    page = _page(plan, (Part(short.title, LEAD, (short,)), *parts))
    write_table(observations(data), light["rows"], "published_rows")
    write_json(light["numbers"], {name: section.numbers for name, section in sections.items()})
    write_json(light["metrics"], metrics(data, sections))
    write_text(light["plot_runs"], gain_by_run(data))
    write_text(light["page"], markdown(page, f"{FIGURES_LINK}/{page.study}"))
    write_text(light["report"], html(page, light["figures"]))
    # dvc.yaml names one list of outputs for studies of every kind; this one runs nothing and has no checkpoints
    for folder in (*(f"results/{page.study}/{name}" for name in ("features", "runs", "scores")), f"checkpoints/{page.study}"):
        Path(folder).mkdir(parents=True, exist_ok=True)


def settings(plan: dict[str, Any]) -> Settings:
    """How the study draws."""
    how = plan["study"]["published"]
    return Settings(seed=plan["study"]["seed"], resamples=how["resamples"], simulations=how["simulations"], level=how["level"])


def analyse(data: Published, how: Settings) -> tuple[Part, ...]:
    """All sections in the order of the page."""
    parts = []
    with progress("published", len(CLAIMS) + len(AUDIT)) as shown:
        for package, title, names, lead in PARTS:
            made = []
            for name in names:
                section: Callable[[Published, Settings], Section] = importlib.import_module(f"gap.published.{package}.{name}").section
                made.append(section(data, how))
                shown.step(note=name)
            parts.append(Part(title, lead, tuple(made)))
    return tuple(parts)


def _draw(sections: dict[str, Section], stamp: Stamp, folder: Path, captions: Path) -> None:
    described = {}
    for section in sections.values():
        for drawing in section.drawings:
            drawing.draw(stamp, folder, drawing.name)
            described[drawing.name] = {"title": drawing.title, "caption": drawing.caption, "category": "Figures"}
    write_json(captions, described)


def _check_names(plan: dict[str, Any], sections: list[Section]) -> None:
    figures = [drawing.name for section in sections for drawing in section.drawings]
    tables = [table.name for section in sections for table in section.tables]
    for kind, made, named in (("figures", figures, plan["figure_names"]), ("tables", tables, plan["table_names"])):
        if made != named:
            raise BadInput("gap.published.contents", f"{kind} {named}", f"{made}, what the sections make", "List them there in this order.")


def _page(plan: dict[str, Any], parts: tuple[Part, ...]) -> Page:
    import yaml

    files = [(relative, f"SHA-256 {checksum}") for relative, checksum in plan["files"].items()]
    study = plan["study"]
    drawn = f"seed {study['seed']}, {study['published']['resamples']} bootstrap resamples, {study['published']['simulations']} simulations"
    code = ", ".join(f"{stage} {version}" for stage, version in plan["code"].items())
    facts = (("the authors' files", f"{AUTHORS} at commit {plan['commit']}"), *files, ("random draws", drawn), ("code", code))
    facts = (*facts, ("made by", f"`snakemake --cores all --config study={study['name']}`; `make published` also renews docs/"))
    return Page(study["title"], study["name"], plan["digest"], parts, facts, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
