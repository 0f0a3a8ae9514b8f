"""The plan of a study that redraws the authors' rows: two kinds of files, fetched and made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.fetch.upstream import COMMIT, PINNED
from gap.params.preregistration_file import read_preregistration
from gap.params.published import PublishedStudy
from gap.plan.code import code_version
from gap.plan.folders import StudyFolders
from gap.plan.light import LightStage
from gap.published.contents import FIGURES, RESULTS, TABLES, TEXTS

CODE = ("gap.published.stage",)
#: Entries of plan.json that name folders.
FOLDERS = ("tables", "figures", "upstream")


@dataclass(frozen=True)
class PublishedPlan(StudyFolders):
    """Paths of one such study.  The authors' files are pinned by content, so their commit is the only key."""

    study: PublishedStudy

    @property
    def upstream(self) -> Path:
        """Folder of the authors' files at their own relative paths."""
        return self.data / f"upstream-{COMMIT[:12]}"

    @property
    def heavy(self) -> list[str]:
        """The authors' files that the analyses read."""
        return [str(self.upstream / relative) for relative in (*RESULTS, *TEXTS)]

    @property
    def light(self) -> dict[str, str]:
        """Every light output by the name that plan.json gives it."""
        paths = {
            "rows": self.results / "observations/rows.parquet",
            "numbers": self.results / "checks/published.json",
            "verdicts": self.results / "verdicts.json",
            "metrics": self.results / "metrics.json",
            "plot_runs": self.results / "plots/gain_by_run.csv",
            "tables": self.results / "tables",
            "figures": self.figures,
            "captions": self.figures / "captions.json",
            "page": self.results / "page.md",
            "report": self.results / "report.html",
            "upstream": self.upstream,
        }
        return {name: str(path) for name, path in paths.items()}

    @property
    def stage(self) -> LightStage:
        """The one light stage."""
        outputs = {name: Path(path) for name, path in self.light.items() if name not in FOLDERS}
        outputs |= {f"{name}_{ending}": self.results / "tables" / f"{name}.{ending}" for name in TABLES for ending in ("csv", "md", "tex")}
        outputs |= {f"{name}_{ending}": self.figures / f"{name}.{ending}" for name in FIGURES for ending in ("pdf", "png")}
        outputs |= {f"{name}_points": self.figures / f"{name}.csv" for name in FIGURES}  # a table may have the figure's name
        return LightStage("published", outputs, CODE, settings=self.settings, reads=("upstream",))

    @property
    def settings(self) -> dict[str, Any]:
        """The rules by which the claims are judged."""
        return {"preregistration": read_preregistration(self.study.name)}

    @property
    def document(self) -> dict[str, Any]:
        """What plan.json holds: the study, every path, the checksums of the authors' files, and the digest of all of it."""
        document: dict[str, Any] = {
            "study": self.study.model_dump(mode="json"),
            "commit": COMMIT,
            "files": {relative: PINNED[relative] for relative in (*RESULTS, *TEXTS)},
            "light": self.light,
            "settings": self.settings,
            "figure_names": list(FIGURES),
            "table_names": list(TABLES),
            "code": {"published": code_version(*CODE)},
        }
        return document | {"digest": digest(document), "stages": {"published": self.stage.entry}}
