"""What runs elsewhere is what runs here: the workflows of GitHub and .ci/run call targets of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def commands(job: dict[str, Any]) -> list[str]:
    """The ``run`` lines of a job, one per entry of its matrix."""
    lines = [step["run"] for step in job["steps"] if "run" in step]
    entries = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
    return [re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda name, entry=entry: entry[name[1]], line) for line in lines for entry in entries]


def test_one_for_every_push_and_one_for_the_night() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_targets_of_the_makefile(path: Path) -> None:
    called = {command for job in jobs(path).values() for command in commands(job)}
    assert {target for command in called for target in command.removeprefix("make").split()} <= TARGETS
    in_one_go = set(re.findall(r"^make [a-z-]+", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert in_one_go == {"make lint", "make test"}
    assert (
        called == {"ci.yml": in_one_go | {"make test-fast", "make"}, "nightly.yml": {"make test-all", "make fuzz", "make audit"}}[path.name]
    )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_major_version(path: Path) -> None:
    uses = [step["uses"] for job in jobs(path).values() for step in job["steps"] if "uses" in step]
    assert uses and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in uses)


def test_pythons_of_the_workflow_are_those_of_the_project() -> None:
    entries = jobs(ROOT / ".github/workflows/ci.yml")["test"]["strategy"]["matrix"]["include"]
    assert [entry["python"] for entry in entries] == ["3.11", "3.12", "3.13"]
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text()


def test_exceptions_of_the_audit_have_reasons() -> None:
    lines = (ROOT / "config/audit-exceptions.txt").read_text().splitlines()
    assert all(line.startswith("#") or re.fullmatch(r"(PYSEC|GHSA|CVE)-\S+ \w.{20,}", line) for line in lines)
    assert "config/audit-exceptions.txt)" in (ROOT / "Makefile").read_text()


def test_pre_commit_runs_what_lint_runs() -> None:
    makefile = (ROOT / "Makefile").read_text()
    lint = re.search(r"^lint: install-test\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert lint
    entries = {hook["entry"] for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]}
    tools = {re.sub(r" (--check|\.|Snakefile workflow)(?= |$)", "", line.strip()) for line in lint[1].splitlines()}
    assert tools == {entry.replace(" --fix", "") for entry in entries}
