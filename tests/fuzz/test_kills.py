"""A job that is killed at any file operation, and killed again while it goes on, ends with the tables of one that nobody disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.core.tables import read_table
from gap.fetch.items import fetch_items
from gap.params.items import Items, TaskJob

SCRIPT = Path(__file__).with_name("killable_jobs.py")
TASKS = ("copa", "blended_skill_talk")
#: Each example takes a second or more, so `make fuzz` has one for a hundred of other kinds.
EXAMPLES = int(os.environ.get("GAP_FUZZ", "300")) // 100 or 1


class Jobs:
    """The process that forks the jobs."""

    def __init__(self, inputs: Path) -> None:
        command = [sys.executable, str(SCRIPT), str(inputs)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdin and self.process.stdout
        self.send, self.receive = self.process.stdin, self.process.stdout
        assert self.receive.readline() == "ready\n"

    def run(self, folder: Path, kill_at: int = 0) -> tuple[int, int]:
        """Wait status of a job in ``folder``, and how many file operations it began where it ended by itself."""
        self.send.write(f"{folder} {kill_at}\n")
        self.send.flush()
        status, operations = self.receive.readline().split()
        return int(status), int(operations)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    inputs = tmp_path_factory.mktemp("inputs")
    tokenizer = tiny.make_tokenizer(inputs / "tokenizer", tiny.text_file(inputs))
    tiny.make_model(inputs / "model", tokenizer, max_position_embeddings=128)
    tiny.texts_table(inputs / "prose.parquet", "prose", [tiny.essay(seed, 20) for seed in range(2)])
    for task in TASKS:
        fetch_items(TaskJob(task=task, split="validation", items=Items(kind="miniature")), inputs / f"{task}.jsonl")
    found = Jobs(inputs)
    yield found
    found.send.close()
    found.receive.close()
    found.process.wait()


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    found = {"runs/texts": read_table(folder / "runs/texts.parquet", "trajectories").drop(columns="seconds")}
    return found | {task: read_table(folder / f"scores/{task}.parquet", "item_scores") for task in TASKS}


@pytest.fixture(scope="module")
def undisturbed(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, pd.DataFrame]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    status, operations = jobs.run(folder)
    assert status == 0 and operations > 10
    return operations, tables(folder)


@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_killed_jobs_go_on(jobs: Jobs, undisturbed: tuple[int, dict[str, pd.DataFrame]], data: st.DataObject) -> None:
    operations, expected = undisturbed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for kill_at in data.draw(st.lists(st.integers(1, operations), min_size=1, max_size=3)):
            status, _ = jobs.run(folder, kill_at)
            assert status in (0, signal.SIGKILL), "it is killed, or needed fewer operations to go on"
        assert jobs.run(folder)[0] == 0
        found = tables(folder)
        for table, rows in expected.items():
            pd.testing.assert_frame_equal(found[table], rows)
        left = [path for path in folder.rglob("*") if path.is_file() and ("journal" in path.parts or path.suffix == ".tmp")]
        assert not left, "once the tables are there, the journal is empty, and so are the places where killed writers were"
