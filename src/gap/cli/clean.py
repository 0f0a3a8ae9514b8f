"""``gap clean``: what was computed for one study, listed with its sizes, and deleted when asked twice."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

#: Folders with the heavy results of a study, which hours of work may stand behind.
HEAVY = ("data/{}", "results/{}/features", "results/{}/runs", "results/{}/scores", "checkpoints/{}")


def clean(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="Delete; without it nothing is.")] = False,
) -> None:
    """List the heavy results of one study with their sizes; delete them with --confirm."""
    from gap.runtime.running import check_alone

    folders = heavy_folders(study)
    for folder in folders:
        print(f"{megabytes(folder):>10.1f} MB  {folder}")
    if not confirm:
        print(f"Nothing was deleted. To delete all of this: make clean STUDY={study} CONFIRM=1 (or gap clean {study} --confirm).")
        return
    check_alone(study)
    for folder in folders:
        folder.unlink() if folder.is_symlink() else shutil.rmtree(folder)
    print(f"Deleted. `snakemake --cores all --config study={study}` makes it again; `dvc checkout` restores what DVC has in its cache.")


def heavy_folders(study: str) -> list[Path]:
    """The folders of a study's heavy results that are there.

    Raises
    ------
    BadInput: no such study has any.
    """
    from gap.core.errors import BadInput

    known = sorted({path.name for pattern in HEAVY for path in studies_of(pattern)})
    if study not in known:
        found = f"{study!r}, which has no heavy results here" if study else "no study"
        raise BadInput("gap clean", found, f"one of {known}", "Name one: make clean STUDY=demo. Nothing was deleted.")
    return [folder for pattern in HEAVY if (folder := Path(pattern.format(study))).exists()]


def studies_of(pattern: str) -> list[Path]:
    """The folders named after studies in which a heavy folder is there."""
    above, _, below = pattern.partition("/{}")
    return [path for path in Path(above).glob("*") if path.is_dir() and (path / below.lstrip("/")).exists()]


def megabytes(folder: Path) -> float:
    """Size of the files in a folder; a link counts as a link."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6
