"""What the workflow tells its jobs."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import gap
from gap.core.errors import BadInput
from gap.corpora.readers.stdlib import read
from gap.params.sources import StdlibSource
from gap.runtime.provenance import versions
from gap.runtime.workflow_environment import PYTHON, VERSIONS, check_python, shell_prefix, workflow_versions


def test_another_python_than_the_planning_one_is_refused_where_its_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    source = StdlibSource(kind="stdlib", content="docs")
    monkeypatch.setenv(PYTHON, platform.python_version())
    assert next(read(source, 0)).text
    monkeypatch.setenv(PYTHON, "3.10.99")
    with pytest.raises(BadInput, match=r"stdlib .*: Python .* in the job's environment\. Allowed: 3\.10\.99, which planned the job"):
        read(source, 0)


def test_outside_the_workflow_any_python_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON, raising=False)
    check_python("anything")
    monkeypatch.delenv(VERSIONS, raising=False)
    assert workflow_versions() == {}


def test_versions_that_a_job_lacks_are_the_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSIONS, "no_such_package=1.2 torch=0.1")
    assert versions()["no_such_package"] == "1.2"
    assert versions()["torch"] != "0.1", "a package that is here speaks for itself"


def test_the_prefix_gives_a_shell_this_code_and_the_command(tmp_path: Path) -> None:
    prefix = shell_prefix("python").format()  # as Snakemake does
    command = prefix + "python -c 'import gap; print(gap.__file__)'; gap --help"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for given in ("", "/other/place"):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PATH": path}
        environment |= {"PYTHONPATH": given} if given else {}
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[0] == gap.__file__
        assert "post-train" in done.stdout
