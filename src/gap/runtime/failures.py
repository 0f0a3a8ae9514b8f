"""What a failed job says, found in its log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

#: Lines of a traceback that are shown; its log holds all.
LINES = 20


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
