"""What a failed job says, found in its log; and which jobs of a study failed, for the report."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable
from pathlib import Path

from gap.core.files import read_jsonl
from gap.runtime.provenance import utc

#: Lines of a traceback that are shown; its log holds all.
LINES = 20
#: In a study's logs: first since when failed jobs are noted, then a line per job that failed.
FAILED = "failed.jsonl"


def failure(rule: str, logs: Iterable[str]) -> str:
    """The job's name and log, and the last paragraph of the log under it."""
    found = [(log, paragraph) for log in logs if (paragraph := last_paragraph(Path(log)))]
    if not found:
        return f"{rule} failed and left no message in {', '.join(logs) or 'any log'}; what it said above may tell why."
    return "\n".join(f"{rule} failed ({log}):\n{paragraph}" for log, paragraph in found)


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
