"""Commands outside this project that a flag of Snakemake needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

#: What is asked for -> the commands of which one must be there, where to get it, and what to do without.
NEEDED = {
    "--use-conda": (("conda",), "conda-forge's Miniforge", "leave the flag out to use the active environment (make builds one)"),
    "--containerize": (("conda", "mamba"), "conda-forge's Miniforge", "use the active environment (make builds one)"),
    "--use-apptainer": (
        ("apptainer", "singularity"),
        "apptainer.org",
        "leave the flag out to use the active environment (make builds one)",
    ),
    "the Slurm profile": (("sbatch",), "it belongs to Slurm: log in to the cluster", "leave the profile out to run on this machine"),
}
#: Options of Snakemake whose value may be ``slurm``, or a folder of that name.
CHOOSE_EXECUTOR = {"--executor", "-e", "--profile", "--workflow-profile"}


def asked_for(methods: Iterable[str], words: Sequence[str]) -> list[str]:
    """The entries of ``NEEDED`` that Snakemake's software deployment ``methods`` and its command line ask for."""
    lower = " ".join(methods).lower()
    options = [*pairwise(words), *(tuple(word.split("=", 1)) for word in words if "=" in word)]
    chosen = {Path(value).name for option, value in options if option in CHOOSE_EXECUTOR}
    dry = {"-n", "--dry-run", "--dryrun"} & set(words)
    asked = {
        "--use-conda": "conda" in lower,
        "--containerize": "--containerize" in words,
        "--use-apptainer": "apptainer" in lower or "singularity" in lower,
        "the Slurm profile": "slurm" in chosen and not dry,
    }
    return [name for name, is_asked in asked.items() if is_asked]


def lacking(methods: Iterable[str], words: Sequence[str]) -> str:
    """One line about the first command that is needed and not on PATH; empty where all are there."""
    for name in asked_for(methods, words):
        commands, source, instead = NEEDED[name]
        if not any(map(shutil.which, commands)):
            return f"{name} needs the command {' or '.join(commands)}, which is not on PATH: install it ({source}), or {instead}."
    return ""
