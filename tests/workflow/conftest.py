"""Temporary clones of the project, and a study cut down to seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from once import once  # noqa: E402

from gap.runtime.stages import stage_of  # noqa: E402

BIN = Path(sys.executable).parent
#: Secrets in the environment of the run that makes ``finished``: none may be found in what it leaves (test_provenance.py).
PLANTED = {
    "HF_TOKEN": "hf_PlantedTokenOfTheHub",
    "AWS_SECRET_ACCESS_KEY": "PlantedKey/Of+TheCloud",
    "PIP_INDEX_URL": "http://reader:PlantedPasswordOfTheIndex@127.0.0.1:9/simple",
    "HF_ENDPOINT": "http://PlantedTokenInTheAddress@127.0.0.1:9",
}

TINY = {
    "title": "Cut down to seconds for the tests",
    "sources": {"words": {"kind": "files", "paths": ["input/words.txt"], "heldout": 0.3}},
    "tokenizers": {"bpe": {"kind": "train", "mixture": {"words": 1.0}, "vocab_size": 320, "max_bytes": 100000}},
    "models": {
        "pico": {"kind": "pretrain", "role": "subject", "tokenizer": "bpe", "hidden_size": 16, "layers": 1, "heads": 2, "ffn": 32, "context": 512,
                 "mixture": {"words": 1.0}, "tokens": 8192, "sequence": 64, "batch": 8, "learning_rate": 0.003, "warmup": 0.05, "weight_decay": 0.1,
                 "precision": "fp32"},
    },
    "corpora": {"words": {"source": "words", "part": "train", "window": 40, "near_duplicates": 1.0, "overlap": "report"}},
    "describe": {"ngram": 2, "prefixes": 2, "continuation": 6, "gradient_items": 2},
    "gap": {"precision": "fp32", "updates": 2, "texts": 2},
    "evaluate": {"items": 8, "precision": "fp32", "max_length": 256, "max_new_tokens": 4, "batch_tokens": 4096},
    "items": {"kind": "miniature"},
    "tasks": ["copa", "blended_skill_talk"],
    "jobs": {"texts_per_job": 2, "tasks_per_job": 2, "device": "cpu"},
}  # fmt: skip

RULES_BEFORE = {"fetch_items", "build_tokenizer", "build_model", "sample_corpus", "evaluate_base", "describe_texts"}
RULES_LIGHT = {
    "lock_fetched",
    "aggregate",
    "estimate",
    "rescore",
    "report_overlap",
    "report_boundary",
    "report_noise",
    "make_tables",
    "draw_figures",
    "export_checkpoint",
    "write_report",
    "all",
}


@dataclass(frozen=True)
class Workspace:
    """A checkout in a temporary folder, and the commands a user types there."""

    folder: Path

    def environment(self) -> dict[str, str]:
        # no settings of this shell's git, Snakemake and DVC, none of the `make` that may have called pytest, none of torch's in this process
        foreign = ("GIT_", "SNAKEMAKE", "DVC_", "MAKE", "MFLAGS", "TORCHINDUCTOR_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return kept | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **{
                f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "t"), ("EMAIL", "t@example.org"))
            },
        }

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment() | variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *command: str, code: int | None = 0, **variables: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment() | variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=3600,
        )
        assert code is None or done.returncode == code, f"{' '.join(command)} exited {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def snakemake(self, *flags: str, code: int | None = 0) -> str:
        return self.run("snakemake", "--cores", "2", *flags, code=code)

    def evaluate(self) -> None:
        """Make what the scores need, and them; the light stages behind them are not looked at."""
        self.snakemake("--quiet", "rules", "--until", "evaluate_runs_0")

    def planned(self, *flags: str) -> dict[str, int]:
        """Rule -> number of jobs that a dry run lists."""
        text = self.run("snakemake", "--cores", "2", "-n", "--quiet", "rules", *flags)
        return job_counts(text)

    def git(self, *words: str) -> str:
        return self.run("git", *words)

    def dvc(self, *words: str, code: int | None = 0) -> str:
        return self.run("dvc", *words, code=code)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def pack(self) -> None:
        """One file in place of a thousand in .git, for what is copied many times."""
        self.git("gc", "-q")

    def edit(self, **changes: object) -> None:
        """Set keys of params.yaml by dotted name (double underscores), as a user would in an editor."""
        path = self.folder / "params.yaml"
        tree = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            *outer, last = key.split("__")
            place = tree
            for part in outer:
                place = place[part]
            place[last] = value
        path.write_text(yaml.safe_dump(tree, sort_keys=False))

    def copy(self, to: Path) -> Workspace:
        shutil.copytree(self.folder, to, symlinks=True)
        return Workspace(to)

    def copy_sources(self, to: Path) -> Workspace:
        """A copy in which nothing of study `tiny` is computed."""
        copied = self.copy(to)
        for folder in ("data/tiny", "results/tiny", "figures/tiny", "checkpoints", ".snakemake", ".gap"):
            shutil.rmtree(copied.folder / folder, ignore_errors=True)
        return copied

    def clone(self, to: Path) -> Workspace:
        """What a colleague has after `git clone`."""
        self.git("clone", "-q", str(self.folder), str(to))
        return Workspace(to)

    def read(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()


def job_counts(text: str) -> dict[str, int]:
    """The job table that Snakemake prints; the rules of one family (one per group of tasks, or per model) count together."""
    lines = text.split("\n")
    if not any(line.startswith("job ") for line in lines):
        return {}
    counts: dict[str, int] = {}
    for line in lines[next(i for i, line in enumerate(lines) if line.startswith("job ")) + 2 :]:
        words = line.split()
        if len(words) != 2 or not words[1].isdigit():
            break
        if words[0] != "total":
            rule = stage_of(words[0])
            counts[rule] = counts.get(rule, 0) + int(words[1])
    return counts


def checkout(folder: Path) -> Workspace:
    """The tracked and not ignored files of this project as a fresh repository."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    workspace = Workspace(folder)
    workspace.git("init", "-q", "-b", "main")
    workspace.commit("start")
    return workspace


def words(seed: int = 1) -> str:
    """Documents of made-up but regular sentences."""
    import random

    draw = random.Random(seed)
    names = [
        "list",
        "file",
        "module",
        "string",
        "number",
        "function",
        "object",
        "server",
        "window",
        "reader",
        "writer",
        "index",
        "table",
        "value",
        "error",
    ]
    verbs = ["returns", "opens", "reads", "closes", "raises", "checks", "moves", "copies", "prints", "sorts"]
    documents = []
    for _ in range(60):
        sentences = [
            f"The {draw.choice(names)} {draw.choice(verbs)} the {draw.choice(names)} when the {draw.choice(names)} is {draw.choice(['empty', 'open', 'closed', 'ready'])}."
            for _ in range(14)
        ]
        documents.append(" ".join(sentences))
    return "\n\n".join(documents) + "\n"


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For modules that ask which jobs run, not how a process starts: jobs on models are forks of one that has torch loaded."""
    if os.environ.get("GAP_TESTS_PRELOADED") == "no" or not hasattr(os, "pidfd_open"):  # `make test-all`; not Linux
        yield
        return
    support = ROOT / "tests/support/preloaded"
    # the process that ends last
    session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()

    def start(folder: Path) -> None:
        # the variables that Snakemake sets for a job of one thread
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")}
        command = [sys.executable, str(support / "server.py"), str(folder / "socket"), str(session)]
        with (folder / "log").open("w") as log:
            subprocess.run(command, env=Workspace(folder).environment() | threads, stdout=log, stderr=log, check=True)

    address = once(tmp_path_factory, "preloaded", start) / "socket"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GAP_TESTS_PRELOADED", str(address))
        patched.setenv("PYTHONPATH", str(support / "client"), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A checkout with study `tiny` selected, committed, nothing computed."""
    workspace = checkout(tmp_path_factory.mktemp("tiny") / "project")
    (workspace.folder / "input").mkdir()
    (workspace.folder / "input/words.txt").write_text(words())
    workspace.edit(study="tiny", studies__tiny=TINY)
    workspace.commit("study tiny")
    workspace.pack()
    return workspace


@pytest.fixture(scope="session")
def finished(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Study `tiny` made by `dvc repro`, committed, and pushed to a local remote."""

    def make(folder: Path) -> None:
        workspace = tiny.copy(folder / "project")
        workspace.dvc("remote", "add", "-d", "store", str(folder / "store"))
        said = workspace.run("dvc", "repro", **PLANTED)
        (workspace.folder / ".gap/said.txt").write_text(said)
        workspace.dvc("push")
        workspace.commit("results of tiny")
        workspace.pack()

    made = Workspace(once(tmp_path_factory, "finished", make) / "project")
    return made.copy(tmp_path_factory.mktemp("finished") / "project")


#: Files of results/tiny without a clock's readings, which two runs write alike.
SAME = (
    "observations/run_scores.parquet",
    "observations/selections.parquet",
    "observations/texts.parquet",
    "tables/estimates.csv",
    "tables/rescored.csv",
    "tables/main.csv",
    "metrics.json",
    "plots/score_by_step.csv",
)


def from_scratch(finished: Workspace, to: Path, **changes: object) -> Workspace:
    """The study of a copy, made from nothing but the sources."""
    workspace = finished.copy_sources(to)
    workspace.edit(**changes)
    workspace.snakemake("--quiet", "rules")
    return workspace


def assert_same_bits(one: Workspace, other: Workspace) -> None:
    """Tables, figures and weights of the two studies do not differ by a bit, trajectories by the clock alone."""
    for name in SAME:
        # outside the assertion, where pytest would spell out for minutes how the bytes differ
        same = one.read(f"results/tiny/{name}") == other.read(f"results/tiny/{name}")
        assert same, name
    trajectories = [
        pd.read_parquet(each.folder / "results/tiny/observations/trajectories.parquet").drop(columns="seconds") for each in (one, other)
    ]
    pd.testing.assert_frame_equal(*trajectories)
    for figure in (other.folder / "figures/tiny").iterdir():
        assert (one.folder / "figures/tiny" / figure.name).read_bytes() == figure.read_bytes(), figure.name
    weights = "checkpoints/tiny/pico/model.safetensors"
    assert one.read(weights) == other.read(weights)
