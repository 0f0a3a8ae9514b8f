"""The conda environments, the constraints and the project's requirements name the same versions."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def name_of(requirement: str) -> str:
    return re.split(r"[=<>!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def constraints() -> dict[str, str]:
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert all("==" in line for line in lines)
    return {name_of(line): line.split("==")[1] for line in lines}


ENVIRONMENTS = [*sorted((ROOT / "workflow/envs").glob("*.yaml")), ROOT / "environment.yaml"]


@pytest.mark.parametrize("env", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_pins_agree_with_the_constraints(env: Path) -> None:
    tree = yaml.safe_load(env.read_text())
    [pip] = [entry["pip"] for entry in tree["dependencies"] if isinstance(entry, dict)]
    assert len(pip) >= 20
    for line in pip:
        name, version = line.split("==")
        assert constraints()[name_of(name)] == version
    assert all(re.search(r"=\d", entry) for entry in tree["dependencies"] if isinstance(entry, str))
    assert tree["channels"] == ["conda-forge"]  # current conda takes `nodefaults` for a channel


def test_conda_environments_hold_all_that_their_packages_need() -> None:
    """They are what the committed command writes: no package floats."""
    command = [sys.executable, str(ROOT / "workflow/scripts/environments.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    assert {name_of(line) for line in wanted} <= set(constraints())


def test_every_compute_rule_has_log_benchmark_resources_conda_and_message() -> None:
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.split(r"\n(?= *rule[ :])", path.read_text()):
            if block.lstrip().startswith("rule") and "shell:" in block:
                missing = [
                    word for word in ("log:", "benchmark:", "resources:", "conda:", "message:", "threads:") if f"    {word}" not in block
                ]
                assert not missing, f"{path.name}: {block.split(':')[0]} lacks {missing}"
