"""Write the conda environments from constraints.txt: every package that each needs, with those that these need, pinned.

python workflow/scripts/environments.py            # in an environment that holds them all (make lint builds one)
python workflow/scripts/environments.py --check    # writes nothing; exit code 1 where a file would change
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata

from generated import ROOT, write_or_check
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: The Python of the committed results: its documentation is the demo's text.
PYTHON, PIP = "3.11.7", "25.3"
COMMON = ("Jinja2", "numpy", "pandas", "pyarrow", "pydantic", "PyYAML", "tqdm", "typer")


@dataclass(frozen=True)
class Environment:
    """A file, what it is for, and the packages that our own code imports there."""

    file: str
    purpose: str
    packages: tuple[str, ...]


ENVIRONMENTS = (
    Environment(
        "workflow/envs/analysis.yaml", "Aggregation, statistics, figures, tables, report.", (*COMMON, "matplotlib", "scipy", "statsmodels")
    ),
    Environment(
        "workflow/envs/compute.yaml",
        "Corpora, models, post-training, evaluation.  On a GPU the same torch, from the Python package index, brings its CUDA libraries.",
        (
            *COMMON,
            "accelerate",
            "datasets",
            "filelock",
            "gguf",
            "lm_eval",
            "protobuf",
            "safetensors",
            "scipy",
            "sentencepiece",
            "tokenizers",
            "torch",
            "transformers",
        ),
    ),
    Environment(
        "environment.yaml",
        "Snakemake, DVC and what planning needs; jobs run in workflow/envs with --use-conda.",
        ("dvc", "filelock", "matplotlib", "numpy", "pydantic", "PyYAML", "snakemake", "tqdm", "typer"),
    ),
)


def constraints() -> dict[str, tuple[str, str]]:
    """Canonical name -> the package's own name and version."""
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()]
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): (name, version) for name, version in pairs}


def closure(packages: tuple[str, ...]) -> set[str]:
    """Canonical names of the packages and of all that these need here, with the extras that they ask for."""
    found: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), "") for name in packages]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(canonicalize_name(needed.name), one) for one in ("", *needed.extras)]
    return {name for name, _ in found}


def text(environment: Environment) -> str:
    """The file's content."""
    pins = constraints()
    lines = sorted((pins[name] for name in closure(environment.packages)), key=lambda pin: pin[0].lower())
    head = [f"# {environment.purpose}", "# Made from constraints.txt by workflow/scripts/environments.py."]
    body = ["channels:", "  - conda-forge", "dependencies:", f"  - python={PYTHON}", f"  - pip={PIP}", "  - pip:"]
    name = ["name: gap"] if environment.file == "environment.yaml" else []
    return "\n".join([*head, *name, *body, *(f"      - {name}=={version}" for name, version in lines)]) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check({one.file: text(one) for one in ENVIRONMENTS}, "run python workflow/scripts/environments.py"))
