"""The last paragraph of a log is what a failed job says."""

from __future__ import annotations

import os
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


def test_what_slurm_says_of_a_job_is_said_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(".snakemake/slurm_logs/rule_train/opt_0_a_b")
    folder.mkdir(parents=True)
    for number, why in (("7", "DUE TO TIME LIMIT"), ("9", "out-of-memory")):
        (folder / f"{number}.log").write_text(
            f"Building DAG\nslurmstepd-n1: error: *** JOB {number} ON n1 CANCELLED {why} ***\nsrun: got SIGCONT\nmore\n"
        )
        os.utime(folder / f"{number}.log", (int(number), int(number)))
    Path("a.log").write_text("post-training: 3/8\n")
    said = failure("train", ["a.log"], ["opt", "0", "a/b"])
    newest = "slurmstepd-n1: error: *** JOB 9 ON n1 CANCELLED out-of-memory ***"
    assert said == f"train failed (a.log):\npost-training: 3/8\ntrain failed ({folder}/9.log):\n{newest}"
    assert "out-of-memory" not in failure("train", ["a.log"], ["opt", "1", "a/b"])
    (folder / "9.log").write_text("no word of Slurm\n")
    os.utime(folder / "9.log", (9, 9))
    assert failure("train", ["a.log"], ["opt", "0", "a/b"]) == "train failed (a.log):\npost-training: 3/8"
