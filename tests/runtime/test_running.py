"""A process at work on a study is known until it ends, however it ends."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gap.core.errors import Refused
from gap.runtime.running import LOCKS, ROOT, announce, check_alone, locks_are_left, release_locks, running

WORK = "import sys, time; from gap.runtime.running import announce; announce(*sys.argv[1:]); print('ready', flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def start(study: str, command: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WORK, study, command], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


def test_living_processes_are_named_and_killed_ones_forgotten() -> None:
    check_alone("one")
    job, workflow = start("one", "gap post-train"), start("one", "snakemake")
    try:
        assert [(each.command, each.pid, each.host) for each in running("one")] == [
            ("snakemake", workflow.pid, socket.gethostname()),
            ("gap post-train", job.pid, socket.gethostname()),
        ]
        with pytest.raises(
            Refused, match=rf"study one: still at work on it: snakemake \(process {workflow.pid} on .*kill {workflow.pid} {job.pid}\."
        ):
            check_alone("one")
        check_alone("two")
        workflow.kill()
        workflow.wait()
        assert [each.pid for each in running("one")] == [job.pid]
    finally:
        for process in (job, workflow):
            process.kill()
            process.wait()
    check_alone("one")
    assert not list(ROOT.iterdir())


def test_a_process_does_not_stand_in_its_own_way() -> None:
    announce("one", "snakemake")
    check_alone("one")
    assert [path.name for path in ROOT.iterdir()] == [f"{socket.gethostname()}-{os.getpid()}.json"]


def test_what_cannot_be_read_or_locked_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    ROOT.mkdir(parents=True)
    (ROOT / "host-1.json").write_text("{")
    (ROOT / "host-2.json").mkdir()
    check_alone("one")
    for code in (errno.EROFS, errno.EIO):
        monkeypatch.setattr("gap.core.files.os.replace", lambda *_, code=code: (_ for _ in ()).throw(OSError(code, os.strerror(code))))
        announce("one", "gap evaluate")
        check_alone("one")


def test_a_process_of_another_container_may_have_the_same_number(monkeypatch: pytest.MonkeyPatch) -> None:
    other = start("one", "snakemake")
    try:
        monkeypatch.setattr("gap.runtime.running.os.getpid", lambda: other.pid)
        assert running("one") == [], "this is what it takes itself for"
        monkeypatch.setattr("gap.runtime.running.socket.gethostname", lambda: "elsewhere")
        assert [each.command for each in running("one")] == ["snakemake"]
    finally:
        other.kill()
        other.wait()


def test_locks_go_when_nobody_is_left_who_could_hold_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gap.runtime.running._held", [])
    LOCKS.mkdir(parents=True)
    (LOCKS / "0.input.lock").write_text("results/two/items.json\n")
    (LOCKS / "0.output.lock").write_text("results/two/report.html\n")
    assert release_locks() == 0, "where this process could not announce itself, others cannot either"
    announce("one", "snakemake")
    other = start("two", "gap evaluate")
    try:
        assert release_locks() == 0
    finally:
        other.kill()
        other.wait()
    assert release_locks() == 2
    assert not list(LOCKS.iterdir())


def test_a_dry_run_can_tell_left_locks_from_held_ones_and_changes_nothing() -> None:
    assert not locks_are_left()
    LOCKS.mkdir(parents=True)
    (LOCKS / "0.input.lock").write_text("results/two/items.json\n")
    other = start("two", "snakemake")
    try:
        assert not locks_are_left()
    finally:
        other.kill()
        other.wait()
    assert locks_are_left()
    assert len(list(LOCKS.iterdir())) == len(list(ROOT.iterdir())) == 1
