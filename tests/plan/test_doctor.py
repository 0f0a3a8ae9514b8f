"""``gap doctor``: the study's own checks, the exit code, and that no token is ever shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gap.params.existing import LocalModel
from gap.params.load import load_study
from gap.params.study import Study
from gap.plan import doctor
from gap.runtime import checkup

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hf_planted0secret"


def study_of(name: str) -> Study:
    study = load_study(ROOT / "params.yaml", {"study": name})
    assert isinstance(study, Study)
    return study


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAP_MIRROR", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN_PATH", *doctor.OFFLINE, *doctor.TOKENS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def test_memory_is_that_of_each_model_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "memory", lambda: (8192.0, 4096.0))
    small, large = doctor.memory(study_of("small"))
    assert (small.name, small.state) == (
        "memory smollm2",
        "warning",
    )  # 1000 MiB, 10.5 copies of 515 (one is a sum of the soup's), and 384 for the logits are there, not free
    assert small.found == "a job needs about 6.6 GiB of 8.0, 4.0 free"
    assert (large.name, large.state, large.cure) == ("memory gemma3", "failing", doctor.ON_CLUSTER)
    monkeypatch.setattr(checkup, "memory", lambda: (65536.0, 60000.0))
    assert {check.state for check in doctor.memory(study_of("small"))} == {"ok"}


def test_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "gpus", list)
    assert list(doctor.memory(study_of("paper"))) == []
    monkeypatch.setattr(checkup, "gpus", lambda: [("A", 24_000.0)])
    assert {check.name: check.state for check in doctor.memory(study_of("paper"))} == {
        "memory opt-350m": "ok", "memory opt-1.3b": "ok", "memory opt-2.7b": "failing", "memory opt-6.7b": "failing",
    }  # fmt: skip
    paper = study_of("paper")
    assert next(check for check in doctor.memory(paper) if check.state == "failing").cure == checkup.setting("paper", "devices=2")
    shared = paper.model_copy(update={"jobs": paper.jobs.model_copy(update={"devices": 2})})
    assert [check.state for check in doctor.memory(shared)] == ["ok"] * 4
    monkeypatch.setattr(checkup, "gpus", lambda: [("A", 12_000.0)])
    assert [check.cure for check in doctor.memory(shared) if check.state == "failing"] == [checkup.setting("paper", "devices=4")] * 2


def test_processes_that_share_a_model_share_the_memory_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "memory", lambda: (8192.0, 8192.0))
    small = study_of("small")
    shared = small.model_copy(update={"jobs": small.jobs.model_copy(update={"devices": 2})})
    assert [check.found[:29] for check in doctor.memory(shared)] == ["a job needs about 7.6 GiB of ", "a job needs about 11.9 GiB of"]


def test_disk_is_held_against_all_that_the_study_writes() -> None:
    assert [doctor.disk(study_of("small"), free).state for free in (50e9, 4e9, 1e9)] == ["ok", "warning", "failing"]
    assert doctor.disk(study_of("small"), 1e9).cure.startswith("make clean")


def test_what_nobody_knows_is_not_called_enough() -> None:
    small = study_of("small")
    unknown = LocalModel(kind="local", path="somewhere", tokenizer="smollm2", label="own")
    check = doctor.disk(small.model_copy(update={"models": small.models | {"own": unknown}}), 50e9)
    assert check.state == "warning" and check.found.endswith("what small needs, is unknown")


def test_a_mirror_that_is_absent_empty_or_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = study_of("small")
    assert doctor.inputs(study_of("demo")).state == "ok"
    absent = doctor.inputs(small)
    assert (absent.state, absent.cure) == ("failing", "export GAP_MIRROR=/path/to/mirror")
    assert absent.found == "GAP_MIRROR not set; 12 not there, such as piqa/validation.jsonl"
    monkeypatch.setenv("GAP_MIRROR", str(tmp_path / "nowhere"))
    assert doctor.inputs(small).found.endswith("no such folder")
    root = tmp_path / "mirror"
    root.mkdir()
    monkeypatch.setenv("GAP_MIRROR", str(root))
    assert "12 not there" in doctor.inputs(small).found
    for task in small.tasks:
        path = root / "tasks" / doctor.TASKS[task].folder / "validation.jsonl"
        path.parent.mkdir(parents=True)
        path.touch()
    assert doctor.inputs(small).state == "warning"  # the authors' texts come from the network
    (root / doctor.FOLDER).mkdir()
    assert doctor.inputs(small) == checkup.Check("mirror", "ok", f"GAP_MIRROR={root}; holds what the study reads")
    (root / "tasks" / doctor.TASKS["copa"].folder / "validation.jsonl").unlink()
    assert doctor.inputs(small).found.endswith("1 not there, such as copa/validation.jsonl")
    fetched = tmp_path / "data/small/items/copa-0123456789ab/validation.jsonl"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    assert doctor.inputs(small).state == "ok"


def test_how_the_hub_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.hub(study_of("demo")).found.startswith("not needed; HF_ENDPOINT not set, HF_HUB_OFFLINE off, token none; not asked")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert doctor.hub(study_of("demo")).state == "ok"
    assert (doctor.hub(study_of("paper")).state, doctor.hub(study_of("paper")).cure) == ("warning", "unset HF_HUB_OFFLINE")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/token").write_text(SECRET)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "large disk"))
    assert "HF_HUB_OFFLINE on, token there" in doctor.hub(study_of("paper")).found
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    assert (doctor.hub(study_of("paper")).state, doctor.hub(study_of("paper")).cure) == ("warning", "unset TRANSFORMERS_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://[no-address")
    assert "HF_ENDPOINT http://[no-address" in doctor.hub(study_of("paper")).found


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/there/") else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_hub_is_asked_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    server = HTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        monkeypatch.setattr(constants, "ENDPOINT", f"{address}/there")
        assert doctor.hub(study_of("paper"), network=True).found.endswith("it answers")
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert doctor.hub(study_of("demo"), network=True).state == "warning"
        refused = doctor.hub(study_of("paper"), network=True)
        assert refused.state == "failing" and refused.found.endswith("no answer (status 401)") and refused.cure
    finally:
        server.shutdown()
        server.server_close()
    monkeypatch.setattr(constants, "ENDPOINT", address)
    assert doctor.hub(study_of("paper"), network=True).found.endswith("no answer (ConnectionRefusedError)")


def run(study: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gap.cli.main", "doctor", study, *options, "--params", str(ROOT / "params.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables, cwd=ROOT)


def test_one_line_per_check_and_each_failing_one_ends_with_its_cure(tmp_path: Path) -> None:
    done = run("small", HOME="/proc", XDG_CACHE_HOME="")
    lines = done.stdout.splitlines()
    assert done.returncode == 1 and done.stderr == ""
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "failing"}
    failing = [line for line in lines if line.startswith("failing")]
    assert [line.split()[1] for line in failing] == ["home", "mirror"]
    assert all(" -> " in line for line in failing)
    assert len(lines) == 16


def test_nothing_fails_for_the_demo_here(tmp_path: Path) -> None:
    done = run("demo", "--json", HOME=str(tmp_path), XDG_CACHE_HOME="")
    checks = json.loads(done.stdout)
    assert done.returncode == 0, checks
    assert {check["state"] for check in checks} <= {"ok", "warning"}
    assert set(checks[0]) == {"name", "state", "found", "cure"}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_token_is_shown(form: list[str], tmp_path: Path) -> None:
    secret = {
        "HF_ENDPOINT": f"https://me:{SECRET}@127.0.0.1:9/x?token={SECRET}",
        "HOME": str(tmp_path),
        **dict.fromkeys(doctor.TOKENS, SECRET),
    }
    done = run("paper", "--network", *form, **secret)
    assert done.returncode == 1
    assert "token there" in done.stdout and "https://127.0.0.1:9/x" in done.stdout
    assert SECRET not in done.stdout + done.stderr
