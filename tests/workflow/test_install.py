"""The installer, with a project that needs nothing from anywhere."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

#: Builds the wheels of a project without any package that would have to be fetched.
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "nothing-1.0-py3-none-any.whl"
    info = "nothing-1.0.dist-info"
    metadata = "Metadata-Version: 2.1\\nName: nothing\\nVersion: 1.0\\nProvides-Extra: test\\n" + NEEDS
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name

build_wheel = build_editable
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "nothing"
dynamic = ["version", "dependencies", "optional-dependencies"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder with a space and an accent; pip and uv may ask no index."""
    folder = tmp_path / "my prójects"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text('NEEDS = ""\n' + BACKEND)
    (folder / "constraints.txt").write_text("# nothing\n")
    return folder


def install(project: Path, *extras: str, code: int = 0, first: Path | None = None) -> list[str]:
    """The lines on the screen; ``first``: a folder to put in front of PATH, on which there is no uv otherwise."""
    path = os.pathsep.join([*([str(first)] if first else []), "/usr/bin", "/bin"])
    variables = {"PATH": path, "HOME": str(project), "PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "LC_ALL": "C.UTF-8"}
    command = [sys.executable, str(ROOT / "workflow/scripts/install.py"), ".venv", *extras]
    done = subprocess.run(command, cwd=project, env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    assert done.returncode == code, done.stdout
    return done.stdout.splitlines()


def versions(project: Path) -> str:
    return subprocess.run([project / ".venv/bin/python", "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout


def test_pip_installs_and_says_a_line_per_phase(project: Path) -> None:
    title, unpacking, end = install(project)
    assert title == "Installing . into .venv, 2 GB, or 6 GB with CUDA, a few minutes, once (pip)"
    assert unpacking == "  unpacking 1 package(s)" and end.startswith("  installed in ") and "nothing" in versions(project)
    assert "Successfully installed nothing-1.0" in (project / ".venv/install.log").read_text()

    failing = project / "bin"
    failing.mkdir()
    (failing / "uv").write_text("#!/bin/sh\necho no such index >&2\nexit 2\n")
    (failing / "uv").chmod(0o755)
    lines = install(project, "test", first=failing)  # the environment stays, and gets the extra too
    assert lines[:3] == [
        "Installing .[test] into .venv, once (uv)",
        "uv could not (.venv/install.log says why); pip tries.",
        "Installing .[test] into .venv, once (pip)",
    ]
    assert lines[-1].startswith("  installed in ") and "no such index" in (project / ".venv/install.log").read_text()

    (project / "backend.py").write_text('NEEDS = "Requires-Dist: nowhere-to-be-had\\n"\n' + BACKEND)
    lines = install(project, code=3)
    assert any(line.startswith("ERROR: No matching distribution found for nowhere-to-be-had") for line in lines)
    assert lines[-1] == "The installation failed; .venv/install.log holds all that was said. make install tries again."


def test_a_terminal_shows_the_package_that_it_is_at(tmp_path: Path) -> None:
    said = "Collecting torch==2.13.0 (from gap)\\n  Downloading torch-2.13.0.whl (180 MB)\\nInstalling collected packages: a, b, c\\n"
    program = f"import runpy, pathlib; ran = runpy.run_path({str(ROOT / 'workflow/scripts/install.py')!r})['ran']; print(ran(['printf', {said!r}], pathlib.Path('.'), {{}}))"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, stdout=theirs, check=True)
    os.close(theirs)
    text = os.read(ours, 10_000).decode()
    os.close(ours)
    clear = "\r\033[K"
    shown = [f"{clear}  Collecting torch", f"{clear}  Downloading torch-2.13.0.whl", f"{clear}  unpacking 3 package(s)\r\n{clear}True\r\n"]
    assert text == "".join(shown)


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on PATH")
def test_uv_installs_the_same(project: Path) -> None:
    tools = project / "bin"
    tools.mkdir()
    (tools / "uv").symlink_to(shutil.which("uv") or "")
    lines = install(project, first=tools)
    assert lines[0].endswith("(uv)") and "pip tries" not in "".join(lines) and lines[-1].startswith("  installed in ")
    assert "nothing" in versions(project)


def test_uv_gets_what_pip_is_set_to(project: Path, tmp_path: Path) -> None:
    """pip's index, certificates and constraints hold for uv, which reads none of pip's settings."""
    told = tmp_path / "told"
    tools = project / "bin"
    tools.mkdir()
    (tools / "uv").write_text(f'#!/bin/sh\n{{ echo "$@"; env | grep ^UV_; }} > "{told}"\n')
    (tools / "uv").chmod(0o755)
    (project / ".config/pip").mkdir(parents=True)
    (project / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n  https://two.example\n  https://three.example\nconstraint = more.txt\n"
    )
    (project / "more.txt").touch()
    install(project, first=tools)
    words, *variables = told.read_text().splitlines()
    assert words == "pip install --python .venv/bin/python --constraint constraints.txt --editable . --constraint=more.txt"
    assert {
        "UV_DEFAULT_INDEX=https://one.example/simple",
        "UV_INDEX=https://two.example https://three.example",
        "UV_INDEX_STRATEGY=unsafe-best-match",
    } <= set(variables)
