"""The last paragraph of a log is what a failed job says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gap.runtime.failures import failure


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loading: 1/2\ngap: a.txt: empty. Cure.\n", "gap: a.txt: empty. Cure."),
        ("gap: first.\n\nmore\ngap: second.\n", "gap: second."),
        ("gap: two\nlines\n", "gap: two\nlines"),
        ("before\n\nTraceback:\n  x\nValueError: no\n", "Traceback:\n  x\nValueError: no"),
        ("".join(f"{number}\n" for number in range(50)), "\n".join(str(number) for number in range(30, 50))),
        ("caf\xe9 gap: not at the beginning", "caf\ufffd gap: not at the beginning"),
    ],
)
def test_the_last_paragraph(tmp_path: Path, text: str, said: str) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(text.encode("latin-1"))
    assert failure("rule", [str(log)]) == f"rule failed ({log}):\n{said}"


def test_a_job_without_a_message_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    for name in ("empty.log", "absent.log"):
        log = str(tmp_path / name)
        assert failure("rule", [log]) == f"rule failed and left no message in {log}; what it said above may tell why."
    assert "any log" in failure("rule", [])
