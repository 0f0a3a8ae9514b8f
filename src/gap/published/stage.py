"""The stage: every analysis, its figures and tables, the numbers as JSON, the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import write_json, write_text, writing_together
from gap.core.progress import progress
from gap.core.tables import write_table
from gap.figures.table import FORMATS, Table
from gap.params.preregistration import check
from gap.published.audit import averages, construction, first_update, granularity, power, repeats, selection, two_groups
from gap.published.claims import best_step, by_corpus, by_task, familiarity, figure1, larger_models, text_features
from gap.published.contents import FIGURES_LINK, RESULTS, TEXTS
from gap.published.outputs import gain_by_run, metrics, observations
from gap.published.page import Chapter, Page, html, markdown
from gap.published.read import Published, read_published
from gap.published.section import Figure, Sampling, Section
from gap.published.verdicts import section as verdict_section
from gap.published.verdicts import verdicts

AUTHORS = "https://github.com/kaistAI/GAP"
LEAD = "Their files hold one row per run, at the epoch with the best average of its group; every number below is recomputed from them."


def _named(*analyses: ModuleType) -> dict[str, Callable[[Published, Sampling], Section]]:
    """Analyses by the name of their module, which is that of their section."""
    return {analysis.__name__.rpartition(".")[2]: analysis.section for analysis in analyses}


#: In the order of the page.
CLAIMS = _named(figure1, by_corpus, by_task, larger_models, familiarity, text_features, best_step)
AUDIT = _named(construction, first_update, repeats, granularity, averages, selection, two_groups, power)
#: Title, lead and analyses of each chapter.
CHAPTERS = (
    (
        "The paper's figures and claims, recomputed",
        "Intervals are over runs: they say how far a mean would move with other texts, on these same items, and not that the updates help.",
        CLAIMS,
    ),
    ("Audit", "What these rows can and cannot carry.", AUDIT),
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
        does not name; there are no rules in preregistration.yaml.
    """
    light = {name: Path(path) for name, path in plan["light"].items()}
    data = read_published(light["upstream"] / Path(RESULTS[0]).parent, light["upstream"] / Path(TEXTS[0]).parent)
    chapters = analyse(data, Sampling(seed=plan["study"]["seed"], **plan["study"]["published"]))
    sections = [section for chapter in chapters for section in chapter.sections]
    numbers = {section.name: section.numbers for section in sections}
    found = verdicts(data, check(plan.get("settings", {}).get("preregistration"), plan["study"]["name"]))
    first = Chapter("Verdicts on the paper's four claims", LEAD, (verdict_section(found, numbers),))
    _write_figures(plan, light, [figure for section in sections for figure in section.figures])
    _write_tables(plan, light, [table for chapter in (first, *chapters) for section in chapter.sections for table in section.tables])
    page = _page(plan, (first, *chapters))
    write_table(observations(data), light["rows"], "published_rows")
    write_json(light["numbers"], numbers)
    write_json(light["verdicts"], found)
    write_json(light["metrics"], metrics(data, numbers))
    write_text(light["plot_runs"], gain_by_run(data))
    write_text(light["page"], markdown(page, f"{FIGURES_LINK}/{page.study}"))
    write_text(light["report"], html(page, light["figures"]))
    # dvc.yaml names one list of outputs for studies of every kind; this one runs nothing and has no checkpoints
    for folder in (*(f"results/{page.study}/{name}" for name in ("features", "runs", "scores")), f"checkpoints/{page.study}"):
        Path(folder).mkdir(parents=True, exist_ok=True)


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


def _write_figures(plan: dict[str, Any], light: dict[str, Path], figures: list[Figure]) -> None:
    _check_names("figures", [figure.name for figure in figures], plan["figure_names"])
    stamp = PlanStamp(plan["study"]["name"], plan["digest"])
    with writing_together(light["figures"]) as folder:
        for figure in figures:
            figure.write(stamp, folder)
    described = {figure.name: {"title": figure.title, "caption": figure.caption, "category": "Figures"} for figure in figures}
    write_json(light["captions"], described)


def _write_tables(plan: dict[str, Any], light: dict[str, Path], tables: list[Table]) -> None:
    _check_names("tables", [table.name for table in tables], plan["table_names"])
    for table in tables:
        for ending, write in FORMATS.items():
            write_text(light["tables"] / f"{table.name}.{ending}", write(table))


def _check_names(kind: str, names: list[str], planned: list[str]) -> None:
    if names != planned:
        raise BadInput("gap.published.contents", f"{kind} {planned}", f"{names}, what the sections make", "List them there in this order.")


def _page(plan: dict[str, Any], chapters: tuple[Chapter, ...]) -> Page:
    import yaml

    study = plan["study"]
    drawn = f"seed {study['seed']}, {study['published']['resamples']} bootstrap resamples, {study['published']['simulations']} simulations"
    code = ", ".join(f"{stage} {version}" for stage, version in plan["code"].items())
    facts = (
        ("the authors' files", f"{AUTHORS} at commit {plan['commit']}"),
        *((relative, f"SHA-256 {checksum}") for relative, checksum in plan["files"].items()),
        ("random draws", drawn),
        ("code", code),
        ("made by", f"`snakemake --cores all --config study={study['name']}`; `make published` also renews docs/"),
    )
    return Page(study["title"], study["name"], plan["digest"], chapters, facts, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
