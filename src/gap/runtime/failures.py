"""What a failed job says, found in its log and in Slurm's; and which jobs of a study failed, for the report."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path

from gap.core.files import read_jsonl
from gap.runtime.provenance import utc

#: Lines of a traceback that are shown; its log holds all.
LINES = 20
#: In a study's logs: first since when failed jobs are noted, then a line per job that failed.
FAILED = "failed.jsonl"
#: Where Snakemake's executor for Slurm keeps the output of failed jobs: rule, wildcards, number of the job.
SLURM_LOGS = Path(".snakemake/slurm_logs")
#: How Slurm speaks there of time limits, memory and lost nodes.
SLURM = re.compile(r"(slurmstepd[^:]*|srun): (error|fatal): ")


def failure(rule: str, logs: Iterable[str], wildcards: Iterable[str] = ()) -> str:
    """The job's name and log, and the last paragraph of the log under it; below it what Slurm said, where Slurm ran it."""
    found = [(log, paragraph) for log in logs if (paragraph := last_paragraph(Path(log)))]
    found += slurm_words(rule, wildcards)
    if not found:
        return f"{rule} failed and left no message in {', '.join(logs) or 'any log'}; what it said above may tell why."
    return "\n".join(f"{rule} failed ({log}):\n{paragraph}" for log, paragraph in found)


def slurm_words(rule: str, wildcards: Iterable[str]) -> list[tuple[str, str]]:
    """The newest log of Slurm of such a job, and the lines in it by which Slurm says why the job ended; empty where there are none."""
    folder = SLURM_LOGS / f"rule_{rule}" / "_".join(wildcards).replace("/", "_")
    try:
        newest = max(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)
        text = newest.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return []
    lines = [line for line in text.split("\n") if SLURM.match(line)]
    return [(str(newest), "\n".join(lines[-LINES:]))] if lines else []


def last_paragraph(log: Path) -> str:
    """From the last ``gap: `` at a line's beginning on, else what follows the last empty line; empty where there is no log."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    _, known, said = f"\n{text}".rpartition("\ngap: ")
    paragraph = f"gap: {said}" if known else text.rpartition("\n\n")[2]
    return "\n".join(paragraph.split("\n")[-LINES:])


def note_failed(logs: Path, rules: Iterable[str] = ()) -> None:
    """Add the rules of failed jobs to the study's list; called before the first job with none, it begins the list.

    A folder that cannot be written is left as it is: no run ends over its own statistics.
    """
    path, now = logs / FAILED, utc(time.time())
    entries = [*([] if path.exists() else [{"since": now}]), *({"rule": rule, "time": now} for rule in rules)]
    with contextlib.suppress(OSError):
        logs.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{json.dumps(entry)}\n" for entry in entries)


def failed_jobs(logs: Path) -> tuple[str, list[str]] | None:
    """Since when failed jobs are noted, and their rules; None where they are not.

    Raises
    ------
    BadInput: the list is damaged.
    """
    if not (logs / FAILED).exists():
        return None
    entries = read_jsonl(logs / FAILED)
    return next((entry["since"] for entry in entries if "since" in entry), ""), [entry["rule"] for entry in entries if "rule" in entry]
