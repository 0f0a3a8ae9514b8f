"""What the workflow tells its jobs, which may run in other environments: whose code they run, the Python, the workflow's packages.

A conda environment holds libraries alone.  So it can be shared between checkouts, and a job runs the code that planned it.
"""

from __future__ import annotations

import os
import platform
import shlex
from importlib import metadata
from pathlib import Path

import gap
from gap.core.errors import BadInput

#: Version of the Python that planned: its text may be read (sources of kind stdlib), and keys name it.
PYTHON = "GAP_PLANNED_PYTHON"
#: NAME=VERSION of packages that only the workflow has, with spaces between them.
VERSIONS = "GAP_WORKFLOW_VERSIONS"
PACKAGES = ("snakemake", "dvc", "lm_eval")


def shell_prefix(python: str) -> str:
    """The beginning of every job's shell command, for Snakemake's ``shell.prefix``: variables, and ``gap`` as a function.

    Parameters
    ----------
    python: the job's; in a conda environment or a container the one on its own PATH.
    """
    source = shlex.quote(str(Path(gap.__file__).resolve().parents[1]))
    lines = [
        "set -euo pipefail",
        f"export PYTHONPATH={source}${{PYTHONPATH:+:$PYTHONPATH}}",
        f"export {PYTHON}={platform.python_version()}",
        f"export {VERSIONS}={shlex.quote(' '.join(f'{name}={version}' for name, version in installed(PACKAGES).items()))}",
        f'gap() {{ {shlex.quote(python)} -m gap.cli.main "$@"; }}',
    ]
    return ("; ".join(lines) + "; ").replace("{", "{{").replace("}", "}}")  # Snakemake formats it


def installed(names: tuple[str, ...]) -> dict[str, str]:
    """Versions of the packages that are installed here."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def workflow_versions() -> dict[str, str]:
    """Versions of the packages that the workflow has, as it told this job; empty outside a job."""
    return dict(entry.split("=", 1) for entry in os.environ.get(VERSIONS, "").split() if "=" in entry)


def check_python(what: str) -> None:
    """Make sure that this is the Python that planned the job, as the job's key says.

    Raises
    ------
    BadInput: it is another one; ``what`` depends on it.
    """
    planned, here = os.environ.get(PYTHON), platform.python_version()
    if planned and planned != here:
        cure = f"Start Snakemake with Python {here} (environment.yaml has it), or the jobs with {planned}."
        raise BadInput(what, f"Python {here} in the job's environment", f"{planned}, which planned the job and is named in its key", cure)
