"""Processes that share a model (FSDP2, gloo) give what one process gives."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import teamwork
import tiny

from gap.core.tables import read_table
from gap.params.runs import RunId
from gap.runtime.exit_codes import exit_code
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime

#: Of each run of a job that is killed.
UPDATES = 5
#: Seconds after which something that must happen counts as not happening.
DEADLINE = 300


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """OPT with an odd number of rows, shaped like OPT 350M, and other families."""
    import torch
    import transformers as hf

    folder = tmp_path_factory.mktemp("families")
    size: dict[str, Any] = {"vocab_size": 301, "pad_token_id": 1, "initializer_range": 0.3}
    wide = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 64, "intermediate_size": 32}
    torch.manual_seed(3)
    others = {
        "gpt2": hf.GPT2LMHeadModel(hf.GPT2Config(**size, n_embd=16, n_layer=2, n_head=2, n_positions=64)),
        "llama": hf.LlamaForCausalLM(hf.LlamaConfig(**size, **wide, num_key_value_heads=1)),
    }
    for name, made in others.items():
        made.save_pretrained(folder / name)
    return {
        "odd": tiny.make_model(folder / "odd", **teamwork.ODD),
        "post-norm": tiny.make_model(folder / "post-norm", word_embed_proj_dim=8, do_layer_norm_before=False),
        **{name: folder / name for name in others},
    }


def together(work: partial[None], devices: int) -> None:
    launch(work, Runtime("cpu", devices, devices))


@pytest.mark.parametrize("devices", [2, pytest.param(4, marks=pytest.mark.nightly)])
def test_every_method_gives_the_same_bits(families: dict[str, Path], devices: int, tmp_path: Path) -> None:
    models = families if devices == 2 else {"odd": families["odd"]}
    teamwork.run_methods(models, tmp_path / "alone.json", Runtime("cpu", 1))
    together(partial(teamwork.run_methods, models, tmp_path / "team.json"), devices)
    alone, team = (json.loads((tmp_path / name).read_text()) for name in ("alone.json", "team.json"))
    assert alone.keys() == team.keys() and len(alone) == 2 * len(teamwork.METHODS) + len(models) - 1
    for name, rows in alone.items():
        for one, other in zip(rows, team[name], strict=True):
            assert other[:2] == one[:2], name  # step and digest
            assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(one[2:6], other[2:6], strict=True)), name
            finite = [value if math.isfinite(value) else 0.0 for value in one[6:]]
            # sums over all weights, taken in another order
            assert [value if math.isfinite(value) else 0.0 for value in other[6:]] == pytest.approx(finite, rel=1e-6), name
    assert len({row[1] for rows in alone.values() for row in rows}) > 3 * len(teamwork.METHODS)


def test_every_stage_writes_the_same(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.evaluate.engine import scoring_model

    monkeypatch.setattr(scoring_model, "MIN_SIZE", 8 * 2**20)  # as it is, whatever tests ran before: a small model is scored as it is
    world, alone, team = tmp_path / "world", tmp_path / "alone", tmp_path / "team"
    teamwork.make_world(world)
    recorded = alone / "runs/all.parquet"
    teamwork.stages(world, model, recorded, alone, Runtime("cpu", 1))
    together(partial(teamwork.stages, world, model, recorded, team), 2)
    for name, table in (
        ("runs/all", "trajectories"), ("features/all", "text_features"), *((f"{task}/all", "item_scores") for task in teamwork.TASKS),
    ):  # fmt: skip
        one, two = (read_table(place / f"{name}.parquet", table).drop(columns="seconds", errors="ignore") for place in (alone, team))
        pd.testing.assert_frame_equal(one, two, check_exact=table == "item_scores", rtol=1e-6, atol=0)
    rows, first = read_table(team / "runs/all.parquet", "trajectories"), read_table(team / "runs/one.parquet", "trajectories")
    assert rows["digest"].tolist() == read_table(recorded, "trajectories")["digest"].tolist() and rows["digest"].nunique() == 7
    assert rows.loc[rows["run"] == "run0", "seconds"].tolist() == first["seconds"].tolist()  # taken over, not made anew
    provenance = [json.loads((place / "piqa/all.provenance.json").read_text()) for place in (alone, team)]
    assert provenance[1]["inputs"]["replayed"] == {"runs": 2, "equal": 6, "near": 0, "largest": 0.0, "tolerance": 0.0}
    assert provenance[0]["inputs"]["layout"] == provenance[1]["inputs"]["layout"] and provenance[1]["inputs"]["head"] == ""
    assert provenance[1]["machine"]["devices"] == 2 and "devices" not in provenance[0]["machine"]
    noise = [json.loads((place / "noise.json").read_text())["models"]["nano"] for place in (alone, team)]
    shape = [
        {task: made["tasks"][task]["validation"]["variants"]["passes four times as large"] for task in teamwork.TASKS} for made in noise
    ]
    assert shape[0] == shape[1] and noise[0]["dropped"] == noise[1]["dropped"]
    for path in sorted((alone / "saved").iterdir()):
        assert path.read_bytes() == (team / "saved" / path.name).read_bytes(), path.name
    assert "--devices 1" in (team / "refused.txt").read_text() and not (alone / "refused.txt").exists()


def started(world: Path, model: Path, runs: list[RunId], *more: str, updates: int = 3) -> subprocess.Popen[str]:
    job = teamwork.posttrain_job(runs, updates).model_dump_json()
    given = ["--model", str(model), f"--corpus=some={world / 'some.parquet'}", "--out", "runs/all.parquet", "--device", "cpu"]
    command = [sys.executable, "-m", "gap.cli.main", "post-train", "--job", job, *given, *more]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_problem_is_said_once(model: Path, tmp_path: Path) -> None:
    teamwork.make_world(tmp_path / "world")
    process = started(tmp_path / "world", model, [RunId(run="run9", corpus="some", text=9)], "--devices", "2")
    said = process.communicate(timeout=DEADLINE)[0]
    assert process.returncode == 2 and said.count("gap: ") == 1 and "Traceback" not in said
    assert not Path("runs/all.parquet").exists()


@pytest.mark.parametrize("devices", [0, 6])
def test_other_numbers_of_devices_are_refused(devices: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(partial(together, partial(print, "begun"), devices)) == 2
    said = capsys.readouterr()
    assert "power of two" in said.err and not said.out


@pytest.mark.nightly
@pytest.mark.parametrize("victim", ["one process", "the parent", "the parent, interrupted"])
def test_a_killed_group_leaves_nothing_behind_and_goes_on_where_it_was(model: Path, tmp_path: Path, victim: str) -> None:
    world, gate = tmp_path / "world", tmp_path / "gate"
    teamwork.make_world(world)
    os.mkfifo(gate)
    runs = [RunId(run=f"run{number}", corpus="some", text=number % 2) for number in range(4)]
    names = json.dumps([(run.run, run.text) for run in runs])
    process = subprocess.Popen([sys.executable, teamwork.__file__, str(gate), str(world), str(model), str(UPDATES), names])
    # the first process waits at the gate, the other for the first
    until(lambda: len(journal()) == 1 and len(children(process.pid)) == 2, process)
    members = children(process.pid)
    if victim == "one process":
        os.kill(members[-1], signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT if victim.endswith("interrupted") else signal.SIGKILL)
    assert process.wait(DEADLINE) != 0 and not Path("runs/all.parquet").exists()
    until(lambda: not any(is_alive(member) for member in members))
    [kept] = journal()
    finished = read_table(kept, "trajectories")
    process = started(world, model, runs, "--devices", "2", updates=UPDATES)
    process.communicate(timeout=DEADLINE)
    rows = read_table(Path("runs/all.parquet"), "trajectories")
    assert process.returncode == 0 and len(rows) == len(runs) * (UPDATES + 1)
    assert rows.groupby("text")["digest"].nunique().tolist() == [UPDATES + 1, UPDATES + 1]
    assert rows.loc[rows["run"] == finished["run"].iloc[0], "seconds"].tolist() == finished["seconds"].tolist()


def journal() -> list[Path]:
    """Runs that are finished."""
    return [path for path in Path(".gap/journal").rglob("*.parquet") if not path.name.startswith(".")]


def until(condition: Callable[[], bool], process: subprocess.Popen[Any] | None = None) -> None:
    """Return once the condition holds; the process must not end before."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert (process is None or process.poll() is None) and time.monotonic() < end
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether it runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def children(parent: int) -> list[int]:
    """Processes below ``parent`` that multiprocessing started for work."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
            line = (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == parent and "spawn_main" in line:
            processes.append(int(path.parent.name))
    return sorted(processes)
