"""The stage: every analysis, its figures and tables, the numbers as JSON, the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import write_json, write_text
from gap.core.progress import progress
from gap.core.tables import write_table
from gap.figures.table import FORMATS
from gap.published.audit import averages, construction, first_update, granularity, power, repeats, selection, two_groups
from gap.published.claims import best_step, by_corpus, by_task, familiarity, figure1, larger_models, text_features
from gap.published.contents import FIGURES_LINK, RESULTS, TEXTS
from gap.published.metrics import metrics
from gap.published.observations import observations
from gap.published.page import Chapter, Page, html, markdown
from gap.published.plots import gain_by_run
from gap.published.read import Published, read_published
from gap.published.section import FigureFile, Sampling, Section
from gap.published.summary import summary

AUTHORS = "https://github.com/kaistAI/GAP"
LEAD = "Every sentence is written by the study from its own numbers; the sections below give each with its interval and its limits."
#: Analyses by the name of their section, in the order of the page.
CLAIMS: dict[str, Callable[[Published, Sampling], Section]] = {
    "figure1": figure1.section,
    "by_corpus": by_corpus.section,
    "by_task": by_task.section,
    "larger_models": larger_models.section,
    "familiarity": familiarity.section,
    "text_features": text_features.section,
    "best_step": best_step.section,
}
AUDIT: dict[str, Callable[[Published, Sampling], Section]] = {
    "construction": construction.section,
    "first_update": first_update.section,
    "repeats": repeats.section,
    "granularity": granularity.section,
    "averages": averages.section,
    "selection": selection.section,
    "two_groups": two_groups.section,
    "power": power.section,
}
#: Title, lead and analyses of each chapter.
CHAPTERS = (
    (
        "The paper's figures and claims, recomputed",
        "From the authors' two files of results alone: one row per run, at the epoch with the best average of its group.",
        CLAIMS,
    ),
    ("Audit", "What these rows can and cannot carry, each check with its number.", AUDIT),
)


@dataclass(frozen=True)
class PlanStamp:
    """What every figure says at its foot: the study's ``name`` and the plan's ``digest``."""

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
    chapters = analyse(data, sampling(plan))
    sections = {section.name: section for chapter in chapters for section in chapter.sections}
    short = summary(sections)
    _check_names(plan, list(sections.values()))
    _write_figures(list(sections.values()), PlanStamp(plan["study"]["name"], plan["digest"]), light["figures"], light["captions"])
    for table in (table for section in sections.values() for table in section.tables):
        for ending, write in FORMATS.items():
            write_text(light["tables"] / f"{table.name}.{ending}", write(table))
    page = _page(plan, (Chapter(short.title, LEAD, (short,)), *chapters))
    write_table(observations(data), light["rows"], "published_rows")
    write_json(light["numbers"], {name: section.numbers for name, section in sections.items()})
    write_json(light["metrics"], metrics(data, sections))
    write_text(light["plot_runs"], gain_by_run(data))
    write_text(light["page"], markdown(page, f"{FIGURES_LINK}/{page.study}"))
    write_text(light["report"], html(page, light["figures"]))
    # dvc.yaml names one list of outputs for studies of every kind; this one runs nothing and has no checkpoints
    for folder in (*(f"results/{page.study}/{name}" for name in ("features", "runs", "scores")), f"checkpoints/{page.study}"):
        Path(folder).mkdir(parents=True, exist_ok=True)


def sampling(plan: dict[str, Any]) -> Sampling:
    """The study's seed, resamples, simulations and level, from its plan."""
    parameters = plan["study"]["published"]
    return Sampling(plan["study"]["seed"], parameters["resamples"], parameters["level"], simulations=parameters["simulations"])


def analyse(data: Published, sampling: Sampling) -> tuple[Chapter, ...]:
    """All sections in the order of the page."""
    chapters = []
    with progress("published", len(CLAIMS) + len(AUDIT)) as bar:
        for title, lead, analyses in CHAPTERS:
            sections = []
            for name, section in analyses.items():
                sections.append(section(data, sampling))
                bar.step(note=name)
            chapters.append(Chapter(title, lead, tuple(sections)))
    return tuple(chapters)


def _write_figures(sections: list[Section], stamp: PlanStamp, folder: Path, captions: Path) -> None:
    described = {}
    for figure in (figure for section in sections for figure in section.figures):
        figure.draw(FigureFile(stamp, folder, figure.name))
        described[figure.name] = {"title": figure.title, "caption": figure.caption, "category": "Figures"}
    write_json(captions, described)


def _check_names(plan: dict[str, Any], sections: list[Section]) -> None:
    figures = [figure.name for section in sections for figure in section.figures]
    tables = [table.name for section in sections for table in section.tables]
    for kind, names, planned in (("figures", figures, plan["figure_names"]), ("tables", tables, plan["table_names"])):
        if names != planned:
            raise BadInput(
                "gap.published.contents", f"{kind} {planned}", f"{names}, what the sections make", "List them there in this order."
            )


def _page(plan: dict[str, Any], chapters: tuple[Chapter, ...]) -> Page:
    import yaml

    files = [(relative, f"SHA-256 {checksum}") for relative, checksum in plan["files"].items()]
    study = plan["study"]
    drawn = f"seed {study['seed']}, {study['published']['resamples']} bootstrap resamples, {study['published']['simulations']} simulations"
    code = ", ".join(f"{stage} {version}" for stage, version in plan["code"].items())
    facts = (("the authors' files", f"{AUTHORS} at commit {plan['commit']}"), *files, ("random draws", drawn), ("code", code))
    facts = (*facts, ("made by", f"`snakemake --cores all --config study={study['name']}`; `make published` also renews docs/"))
    return Page(study["title"], study["name"], plan["digest"], chapters, facts, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
