"""The fork server: the same bytes, codes and messages as without it, and no job that outlives its client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gap.cli import warm, warm_place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fork server is for Linux")
ROOT = Path(__file__).resolve().parents[2]

#: A ``gap`` that can also start a server of its own kind, and says whether it did the work itself.
DRIVER = """
import os, sys
from gap.cli import main, warm
if sys.argv[1] == "start":
    assert warm.start(warm.find_place(), sys.argv[2])
    sys.exit()
if "ALONE" in os.environ:
    warm.start = lambda place: False
try:
    main.main()
finally:
    with open(os.environ["MARK"], "w") as stream:
        stream.write("cold" if "gap.evaluate.job" in sys.modules else "warm")
"""

#: A server without libraries whose jobs are: say the process id, then sleep, or end in some way.
LIGHT = """
import sys, json; sys.path[:] = json.loads(sys.argv[1])
import os, signal, subprocess, time
from gap.cli import main, warm_server
def work():
    _, _, how, place, *_ = sys.argv
    if how == "sleep":
        with open(place + ".new", "w") as stream:
            stream.write(str(os.getpid()))
        os.rename(place + ".new", place)
        time.sleep(60)
    print("out", os.getcwd(), os.environ["MARK"])
    print("error", file=sys.stderr)
    if how == "segfault": os.kill(os.getpid(), signal.SIGSEGV)
    if how == "raise": raise ValueError("a defect")
    sys.exit(int(how))
main.run = work
warm_server.main((), IDLE)
"""


@dataclass(frozen=True)
class Project:
    """A folder with the driver, and a folder for sockets."""

    folder: Path
    sockets: Path

    def environment(self, **more: str) -> dict[str, str]:
        own = {"XDG_RUNTIME_DIR": str(self.sockets), "MARK": str(self.folder / "mark"), "GAP_WARM": "1", "PYTHONPATH": str(ROOT / "src")}
        return os.environ | own | more

    def popen(self, *words: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.folder / "driver.py"), *words]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment(**more), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def gap(self, *words: str, **more: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.popen(*words, **more)
        out, error = process.communicate(timeout=120)
        return process.returncode, out, error

    def serve(self, idle: float = 20.0) -> None:
        assert self.gap("start", LIGHT.replace("IDLE", str(idle)))[0] == 0
        until(lambda: bool(self.files(".sock")))

    def files(self, ending: str) -> list[Path]:
        return list(self.sockets.rglob(f"*{ending}"))

    def mark(self) -> str:
        return (self.folder / "mark").read_text()


def until(reached: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Clients that heed SIGINT also where these tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of its own; its servers are told to go by taking their sockets away."""
    sockets = Path(tempfile.mkdtemp(prefix="gap", dir="/tmp"))
    (tmp_path / "driver.py").write_text(DRIVER)
    yield Project(tmp_path, sockets)
    shutil.rmtree(sockets)


@pytest.fixture
def light(project: Project) -> Project:
    project.serve()
    return project


def job(how: str, place: str = "pid") -> tuple[str, ...]:
    return ("evaluate", how, place, "--device", "cpu")


def start_sleeping(project: Project, place: str) -> tuple[subprocess.Popen[str], int]:
    client = project.popen(*job("sleep", place))
    until((project.folder / place).exists)
    return client, int((project.folder / place).read_text())


def test_the_same_bytes_warm_and_cold(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests/support"))
    from tiny import make_model, make_tokenizer, text_file

    from gap.fetch.items import fetch_items
    from gap.params.jobs import EvaluateJob, TaskJob
    from gap.params.methods import Evaluate, Items

    folder = project.folder
    make_model(folder / "model", make_tokenizer(folder / "tokenizer", text_file(folder)), max_position_embeddings=128)
    fetch_items(TaskJob(task="copa", split="validation", items=Items(kind="miniature")), folder / "items.jsonl")
    how = Evaluate(items=8, splits=["validation"], precision="fp32", max_length=120, max_new_tokens=4, batch_tokens=512, replay_tolerance=0)
    settings = EvaluateJob(model="tiny", method="", task="copa", split="validation", evaluate=how, items=8)
    (folder / "job.json").write_text(settings.model_dump_json())
    words = ("evaluate", "--job", "@job.json", "--model", "model", "--items", "items.jsonl", "--device", "cpu", "--threads", "2")

    code, _, error = project.gap(*words, "--out", "cold/base.parquet")
    assert (code, project.mark()) == (0, "cold"), error
    until(lambda: bool(project.files(".sock")))
    code, _, error = project.gap(*words, "--out", "warm/base.parquet")
    assert (code, project.mark()) == (0, "warm"), error
    assert (folder / "warm/base.parquet").read_bytes() == (folder / "cold/base.parquet").read_bytes()
    births = [json.loads((folder / place / "base.birth.json").read_text()) for place in ("cold", "warm")]
    for birth in births:
        assert birth["peak_mib"] > 50 and 0 < birth["seconds"] < 120
        for key in ("peak_mib", "seconds", "finished"):
            del birth[key]
    assert births[0] == births[1]

    wrong = (*words, "--out", "x/base.parquet", "--job", "@absent.json")
    found = project.gap(*wrong)
    assert project.mark() == "warm"
    assert found[0] == 2 and "no such file" in found[2]
    assert project.gap(*wrong, GAP_WARM="0") == found
    assert project.mark() == "cold"


def test_codes_streams_and_defects_pass_through(light: Project) -> None:
    assert light.gap(*job("7"), MARK="own") == (7, f"out {light.folder} own\n", "error\n")
    assert light.gap(*job("0"))[0] == 0
    assert light.gap(*job("segfault"))[0] == 128 + signal.SIGSEGV
    code, _, error = light.gap(*job("raise"))
    assert code == 1 and error.endswith("ValueError: a defect\n")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_job_outlives_its_client_and_jobs_run_side_by_side(light: Project, how: signal.Signals) -> None:
    first, second = start_sleeping(light, "first"), start_sleeping(light, "second")
    assert alive(first[1]) and alive(second[1])
    first[0].send_signal(how)
    until(lambda: not alive(first[1]), 2.0)
    first[0].communicate(timeout=20)
    assert first[0].returncode == (-how if how == signal.SIGKILL else 128 + how)
    assert alive(second[1]), "the other job goes on"
    second[0].send_signal(signal.SIGINT)
    _, error = second[0].communicate(timeout=20)
    assert not alive(second[1]) and second[0].returncode == 1 and "KeyboardInterrupt" in error


def test_the_client_does_the_work_when_the_server_dies(light: Project) -> None:
    client, pid = start_sleeping(light, "pid")
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    until(lambda: not alive(pid), 2.0)
    error = client.communicate(timeout=60)[1]
    assert client.returncode == 2 and "Usage" in error, "its own command line, which knows no such job"


@pytest.mark.parametrize("why", ["idle", "socket"])
def test_a_server_that_is_not_needed_goes(project: Project, why: str) -> None:
    project.serve(1.0 if why == "idle" else 20.0)
    if why == "socket":
        project.files(".sock")[0].unlink()
    until(lambda: not project.files(".lock"), 10.0)
    assert not project.files("")[1:]


def test_changed_code_is_not_served(project: Project) -> None:
    shutil.copytree(ROOT / "src/gap", project.folder / "gap", ignore=shutil.ignore_patterns("__pycache__"))
    project.serve()
    assert project.gap(*job("5"))[0] == 5
    (project.folder / "gap/core/digest.py").touch()
    code, _, error = project.gap(*job("5"), ALONE="1")
    assert code == 2 and "out" not in error
    until(lambda: not project.files(".sock"), 10.0)


def test_other_circumstances_mean_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    before = warm_place.identity()
    assert warm_place.identity() == before
    monkeypatch.setenv("GAP_MIRROR", "/somewhere")
    assert warm_place.identity() == before
    monkeypatch.setenv("OMP_NUM_THREADS", "63")
    assert warm_place.identity() != before


def test_only_cpu_jobs_and_private_folders(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warm.suits(["post-train", "--device", "cpu"]) and warm.suits(["model", "--device=cpu"])
    for words in ([], ["evaluate"], ["evaluate", "--device", "cuda"], ["evaluate", "--device", "auto"], ["tables", "--device", "cpu"]):
        assert not warm.suits(words)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(project.sockets))
    place = warm_place.find_place().socket
    assert place.parent.parent == project.sockets and len(str(place)) < 107
    place.parent.chmod(0o755)
    with pytest.raises(PermissionError):
        warm_place.find_place()
