"""``gap where``: what a study found, in the words of its report, and where everything is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gap.cli.project import where

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The committed results of two studies; those of the others are not there."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for study in ("demo", "published"):
        (tmp_path / "results" / study).mkdir(parents=True)
        for name in ("plan.json", "verdicts.json"):
            shutil.copy(ROOT / "results" / study / name, tmp_path / "results" / study)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], study: str = "") -> dict[str, str]:
    """Label -> line; what follows ``next`` without a label is under ``next 1`` and ``next 2``."""
    where(study, Path("params.yaml"))
    lines = [(line[:8].rstrip(), line[9:]) for line in capsys.readouterr().out.splitlines()]
    assert [label for label, _ in lines[-3:]] == ["next", "", ""]
    return dict(lines[:-2]) | {"next 1": lines[-2][1], "next 2": lines[-1][1]}


def test_a_study_is_summed_up_by_the_answer_of_its_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys)
    row = json.loads((folder / "results/demo/verdicts.json").read_text())["claims"]["gain"]["models"]["nano-s"]["all"]
    assert lines["study"].startswith("demo: ")
    assert lines["found"].startswith("Does a language model get better, zero-shot, after a few updates on one random text? ")
    assert f"{row['verdict'].capitalize()} for 0.3M: the average score changes by {row['estimate']:+.2f} points" in lines["found"]
    assert f"({row['level']:.0%}".replace("%", "\N{NO-BREAK SPACE}% interval") in lines["found"]
    assert lines["report"] == "results/demo/report.html   (not made yet)" and lines["next"] == "make STUDY=demo, which writes the report"
    (folder / "results/demo/report.html").touch()
    lines = said(capsys)
    assert lines["report"] == "results/demo/report.html" and lines["next"] == "open results/demo/report.html in a browser"
    assert lines["next 1"].startswith("make STUDY=small, ") and lines["next 2"].startswith("docs/extending.md")


def test_the_authors_rows_are_summed_up_by_the_first_verdict_of_their_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "published")
    assert f"\n* {lines['found']} " in (ROOT / "results/published/page.md").read_text()
    assert "models" not in lines


def test_before_a_study_is_made_nothing_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "small")
    assert "found" not in lines and lines["next"] == "make STUDY=small, which writes the report"
    assert lines["next 1"] == "make help, which lists the other studies"
    (folder / "results/demo/verdicts.json").unlink()
    assert "found" not in said(capsys)
