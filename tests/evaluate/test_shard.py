"""A shard from trajectories to table: replay, reuse, resumption, errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from naive import naive_sum
from scored import evaluate_one

from gap.core.errors import BadInput, Refused
from gap.core.tables import read_table, write_table
from gap.evaluate import session as session_module
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.methods import Method
from gap.params.posttrain import PosttrainJob
from gap.params.runs import BASE, Retained, RunId
from gap.posttrain.job import posttrain
from gap.runtime import journal as journal_module
from gap.runtime.runtime import Runtime

RUNS = [RunId(run=f"run{text}", corpus="some", text=text) for text in range(3)]
UPDATES = 3


def method(updates: int = UPDATES) -> Method:
    return tiny.method(learning_rate=1e-3, max_tokens=32, updates=updates, texts=3)


def job(task: str = "piqa", runs: list[RunId] | None = None, items: int = 40, updates: int = UPDATES, **more: Any) -> EvaluateJob:
    how = {"precision": "fp32", "max_length": 120, "max_new_tokens": 6, "batch_tokens": 512, "replay_tolerance": 0} | more
    runs = runs or []
    return EvaluateJob(
        model="tiny", method="gap" if runs else "", tasks=[ScoredTask(task=task, split="validation")], settings=method(updates) if runs else None,
        updates=updates if runs else 0, evaluate=Evaluate(items=items, splits=["validation"], **how), items=items, runs=runs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model, corpus, trajectories and items, made once."""
    folder = tmp_path_factory.mktemp("world")
    texts = [f"the cat {text} sat on the mat and said no" for text in range(3)]
    same = {"corpus": "some", "tokens": 9, "source": "s", "document": "d", "hash": "h"}
    rows = [same | {"text": index, "string": text} for index, text in enumerate(texts)]
    write_table(pd.DataFrame(rows), folder / "texts.parquet", "texts")
    settings = PosttrainJob(model="tiny", method="gap", settings=method(), updates=UPDATES, runs=RUNS)
    posttrain(settings, model_folder, {"some": folder / "texts.parquet"}, folder / "trajectories.parquet", Runtime("cpu", 1))
    piqa = [{"goal": f"the cat {number}", "sol1": "sat on a mat", "sol2": f"go now {number}", "label": number % 2} for number in range(44)]
    dialogue = [{"text": [f"the cat {number}", f"yes we can go {number}"]} for number in range(34)]
    for name, content in (("piqa", piqa), ("dialogue", dialogue)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    return {"model": model_folder, "folder": folder}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal lies below the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(world: dict[str, Path], settings: EvaluateJob, out: str, trajectories: str = "trajectories.parquet") -> pd.DataFrame:
    folder = world["folder"]
    items = folder / ("piqa.jsonl" if settings.tasks[0].task == "piqa" else "dialogue.jsonl")
    place = folder / trajectories if settings.runs else None
    evaluate_one(settings, world["model"], items, {"some": folder / "texts.parquet"}, place, Path(out), Runtime("cpu", 1))
    return read_table(Path(out), "item_scores")


def checkpoints_scored(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, list[int]]]:
    """A list that fills with (run, step, chunks) of everything really computed."""
    done: list[tuple[str, int, list[int]]] = []
    score = session_module.TaskScorer.score

    def watched(self: Any, wanted: Any, names: dict[str, Any]) -> Any:
        done.append((names["run"], names["step"], list(wanted)))
        return score(self, wanted, names)

    monkeypatch.setattr(session_module.TaskScorer, "score", watched)
    return done


def test_the_unmodified_model(world: dict[str, Path]) -> None:
    rows = run(world, job(), "scores/base.parquet")
    assert rows[["run", "method", "corpus"]].drop_duplicates().to_numpy().tolist() == [["base", "", ""]]
    assert (set(rows["step"]), set(rows["text"]), rows["item"].tolist()) == ({0}, {-1}, list(range(40)))
    sums = np.stack(rows["log_probabilities"].to_list())
    assert rows["prediction"].tolist() == sums.argmax(1).tolist()
    assert (rows["correct"] == (rows["prediction"] == rows["gold"])).all()
    assert rows["f1"].isna().all() and (rows["tokens"] == 0).all()
    record = json.loads(Path("scores/base.provenance.json").read_text())
    assert record["settings"]["task"] == "piqa"
    assert record["inputs"]["device"] == "cpu"
    assert record["inputs"]["replayed"] == {"runs": 0, "equal": 0, "near": 0, "largest": 0.0, "tolerance": 0.0}
    assert record["inputs"]["dropped"] == {}


@pytest.mark.parametrize("task", ["piqa", "wizard_of_internet"])
def test_runs_are_scored_at_every_step_in_order(world: dict[str, Path], task: str) -> None:
    rows = run(world, job(task, RUNS[:2], items=34), "scores/runs.parquet")
    wanted = [(name.run, step, item) for name in RUNS[:2] for step in (1, 2, 3) for item in range(34)]
    assert list(rows[["run", "step", "item"]].itertuples(index=False, name=None)) == wanted
    measure = rows["nll"] if task != "piqa" else rows["log_probabilities"].map(sum)
    record = json.loads(Path("scores/runs.provenance.json").read_text())
    assert record["inputs"]["replayed"] == {"runs": 2, "equal": 6, "near": 0, "largest": 0.0, "tolerance": 0.0}
    per_step = measure.groupby([rows["run"], rows["step"]]).sum()
    assert per_step.nunique() == len(per_step)
    if task != "piqa":
        assert (rows["tokens"] > 0).all() and (rows["gold"] == -1).all() and rows["f1"].between(0, 1).all()


def test_a_run_that_retains_a_text_is_replayed_with_it(world: dict[str, Path]) -> None:
    retain = tiny.method(direction={"kind": "retain", "corpus": "some", "weight": 1.0}, learning_rate=1e-3, max_tokens=32, updates=2)
    kept, other = (RunId(run="kept", corpus="some", text=0, retained=Retained(corpus="some", texts=[[text]])) for text in (1, 2))
    settings = PosttrainJob(model="tiny", method="retain", settings=retain, updates=2, runs=[kept])
    posttrain(settings, world["model"], {"some": world["folder"] / "texts.parquet"}, Path("kept.parquet"), Runtime("cpu", 1))
    scored = job(runs=[kept], items=8, updates=2).model_copy(update={"settings": retain, "method": "retain"})
    assert set(run(world, scored, "scores/x.parquet", str(Path("kept.parquet").absolute()))["step"]) == {1, 2}
    with pytest.raises(Refused, match="run kept, step 1"):  # another retained text is another run
        run(world, scored.model_copy(update={"runs": [other]}), "scores/y.parquet", str(Path("kept.parquet").absolute()))


def test_the_unmodified_model_may_come_along_with_runs(world: dict[str, Path]) -> None:
    alone = run(world, job(), "alone/x.parquet")
    for runs in ([BASE, *RUNS[:1]], [*RUNS[:1], BASE]):
        among = run(world, job(runs=runs), f"{runs[0].run}/x.parquet")
        pd.testing.assert_frame_equal(alone, among[among["run"] == "base"].reset_index(drop=True))
        wanted = {("base", 0): 40, **{("run0", step): 40 for step in (1, 2, 3)}}
        assert among.groupby(["run", "step"]).size().to_dict() == wanted


def test_a_run_scores_the_same_with_others_around(world: dict[str, Path]) -> None:
    alone = run(world, job(runs=RUNS[1:2]), "alone/x.parquet")
    among = run(world, job(runs=RUNS), "among/x.parquet")
    pd.testing.assert_frame_equal(alone, among[among["run"] == "run1"].reset_index(drop=True))


def test_steps_are_the_replayed_checkpoints(world: dict[str, Path], tokenizer: Any) -> None:
    """Against a model updated by hand and scored one sequence at a time."""
    from gap.models.load import load_model
    from gap.models.text import encode_text

    rows = run(world, job(runs=RUNS[2:]), "scores/x.parquet")
    model = load_model(world["model"])
    text = read_table(world["folder"] / "texts.parquet", "texts")["string"][2]
    gap = method().gap
    for update in tiny.updates(model, encode_text(tokenizer, text, gap.max_tokens, 160), gap, 2):
        last = update
    assert last.step == 2
    found = rows[(rows["step"] == 2) & (rows["item"] == 5)]["log_probabilities"].iloc[0]
    wanted = [naive_sum(model, tokenizer, "the cat 5", choice, 120) for choice in (" sat on a mat", " go now 5")]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_more_items_steps_and_runs_compute_only_what_is_new(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run(world, job(runs=RUNS[:1], items=34, updates=2), "scores/a.parquet")
    done = checkpoints_scored(monkeypatch)
    found = run(world, job(runs=RUNS[:2], items=40), "scores/b.parquet")
    assert done == [("run0", 1, [1]), ("run0", 2, [1]), ("run0", 3, [0, 1]), *(("run1", step, [0, 1]) for step in (1, 2, 3))]
    fresh = run(world, job(runs=RUNS[:2], items=40), "elsewhere/b.parquet")
    pd.testing.assert_frame_equal(found, fresh)
    done.clear()
    fewer = run(world, job(runs=RUNS[:1], items=32, updates=1), "scores/c.parquet")
    assert done == [] and len(fewer) == 32
    assert json.loads(Path("scores/c.provenance.json").read_text())["inputs"]["device"] == "not needed"


def test_another_list_of_steps_computes_only_the_missing_ones(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(world, job(runs=[BASE, *RUNS[:1]]), "whole/x.parquet")
    done = checkpoints_scored(monkeypatch)
    some = run(world, job(runs=[BASE, *RUNS[:1]], steps=[2]), "scores/a.parquet")
    assert done == [("base", 0, [0, 1]), ("run0", 2, [0, 1])]
    pd.testing.assert_frame_equal(some, whole[whole["step"].isin([0, 2])].reset_index(drop=True))
    record = json.loads(Path("scores/a.provenance.json").read_text())
    assert record["inputs"]["replayed"]["equal"] == 2, "the replay ends at the last step that is scored"
    assert record["settings"]["evaluate"]["steps"] == [2]
    done.clear()
    other = run(world, job(runs=[BASE, *RUNS[:1]], steps=[1, 2]), "scores/b.parquet")
    assert done == [("run0", 1, [0, 1])]
    pd.testing.assert_frame_equal(other, whole[whole["step"] <= 2].reset_index(drop=True))
    done.clear()
    pd.testing.assert_frame_equal(run(world, job(runs=[BASE, *RUNS[:1]]), "scores/c.parquet"), whole)
    assert done == [("run0", 3, [0, 1])]
    done.clear()
    pd.testing.assert_frame_equal(run(world, job(runs=[BASE, *RUNS[:1]], steps=[2]), "scores/b.parquet"), some)
    assert done == [], "in the place of a table that holds other steps, too"


def test_a_run_that_ended_earlier_has_the_listed_steps_that_it_reached(world: dict[str, Path]) -> None:
    rows = read_table(world["folder"] / "trajectories.parquet", "trajectories")
    ended = rows[(rows["run"] != "run0") | (rows["epoch"] <= 2)].copy()
    ended.loc[(ended["run"] == "run0") & (ended["epoch"] == 2), ["real", "diverged", "step"]] = [False, True, 1]
    write_table(ended, world["folder"] / "ended.parquet", "trajectories")
    found = run(world, job(runs=RUNS[:2], items=4, steps=[1, 3]), "scores/x.parquet", "ended.parquet")
    assert found.groupby(["run", "step"]).size().to_dict() == {("run0", 1): 4, ("run1", 1): 4, ("run1", 3): 4}
    found = run(world, job(runs=RUNS[:2], items=4, steps=[2, 3]), "scores/y.parquet", "ended.parquet")
    assert found.groupby(["run", "step"]).size().to_dict() == {("run1", 2): 4, ("run1", 3): 4}


def test_only_files_that_may_hold_the_runs_are_looked_through(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run(world, job(runs=RUNS[:1], items=32), "scores/a.parquet")
    run(world, job(runs=RUNS[1:2], items=32), "scores/b.parquet")
    run(world, job(items=32), "scores/base.parquet")
    opened: list[str] = []
    read = journal_module.read_table

    def noted(path: Path, *more: Any, **options: Any) -> pd.DataFrame:
        opened.append(Path(path).name)
        return read(path, *more, **options)

    monkeypatch.setattr(journal_module, "read_table", noted)
    done = checkpoints_scored(monkeypatch)
    run(world, job(runs=[BASE, *RUNS[1:]], items=32), "scores/c.parquet")
    assert opened == ["b.parquet", "base.parquet"]
    assert {name for name, _, _ in done} == {"run2"}
    Path("scores/b.provenance.json").unlink()  # as if killed between the two files: nothing vouches for its table
    opened.clear()
    run(world, job(runs=RUNS[1:2], items=32), "scores/d.parquet")
    assert opened == ["c.parquet"]


@pytest.mark.parametrize("record", ["not JSON", "[]", "{}", '{"identities": 3}', '{"identities": {"run0": 3}}', None])
def test_a_table_whose_record_says_nothing_is_not_reused(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch, record: str | None
) -> None:
    run(world, job(runs=RUNS[:1], items=32), "scores/a.parquet")
    path = Path("scores/a.provenance.json")
    path.unlink() if record is None else path.write_text(record)
    done = checkpoints_scored(monkeypatch)
    run(world, job(runs=RUNS[:1], items=32), "scores/b.parquet")
    assert len(done) == 3


def other_model(world: dict[str, Path]) -> dict[str, Path]:
    """The same world with one bit of one weight of the model flipped."""
    folder = Path("other").absolute()
    shutil.copytree(world["model"], folder)
    (folder / "SHA256SUMS").unlink(missing_ok=True)
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-5] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(weights))
    return world | {"model": folder}


SCORED_OTHERWISE: dict[str, EvaluateJob] = {
    "precision": job(items=32, precision="bf16"),
    "length": job(items=32, max_length=60),
    "batch": job(items=32, batch_tokens=256),
    "code": job(items=32).model_copy(update={"code": {"gap.evaluate.job": "v99"}}),
    "model": job(items=32),
}


@pytest.mark.parametrize("change", SCORED_OTHERWISE)
def test_scores_of_something_else_are_not_reused(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """Two models, precisions, lengths ... into one folder: the second has its own scores, whatever the first left there."""
    run(world, job(items=32), "scores/a.parquet")
    settings = SCORED_OTHERWISE[change]
    there = other_model(world) if change == "model" else world
    wanted = run(there, settings, "elsewhere/b.parquet")
    done = checkpoints_scored(monkeypatch)
    for path in ("scores/b.parquet", "scores/a.parquet"):  # beside the first, and in its place
        pd.testing.assert_frame_equal(run(there, settings, path), wanted)
    assert len(done) == 1  # the second call finds the first's


@pytest.mark.parametrize("change", ["method", "text", "trajectory"])
def test_scores_of_another_run_of_the_same_name_are_not_reused(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    run(world, job(runs=RUNS[:1], items=32), "scores/a.parquet")
    folder = Path("changed").absolute()
    shutil.copytree(world["folder"], folder)
    (folder / "trajectories.provenance.json").unlink()  # it would refuse the changed table before anything is reused
    settings = job(runs=RUNS[:1], items=32)
    if change == "method":
        settings = settings.model_copy(update={"settings": tiny.method(learning_rate=0.5, max_tokens=32, updates=UPDATES, texts=3)})
    elif change == "text":
        texts = read_table(folder / "texts.parquet", "texts")
        write_table(texts.assign(string=texts["string"] + " end"), folder / "texts.parquet", "texts")
    else:
        rows = read_table(folder / "trajectories.parquet", "trajectories")
        rows.loc[rows["step"] == 1, "digest"] = "0" * 16
        write_table(rows, folder / "trajectories.parquet", "trajectories")
    done = checkpoints_scored(monkeypatch)
    with pytest.raises(Refused):  # the replay is not the recorded one; what was there is not taken for it
        run(world | {"folder": folder}, settings, "scores/b.parquet")
    assert done == []


def test_a_killed_job_goes_on_where_it_was(world: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(world, job(runs=RUNS), "whole/x.parquet")
    score = session_module.TaskScorer.score

    def dies(self: Any, wanted: Any, names: dict[str, Any]) -> Any:
        if names["run"] == "run2":
            raise KeyboardInterrupt
        return score(self, wanted, names)

    with monkeypatch.context() as patch:
        patch.setattr(session_module.TaskScorer, "score", dies)
        with pytest.raises(KeyboardInterrupt):
            run(world, job(runs=RUNS), "scores/x.parquet")
    assert not Path("scores/x.parquet").exists()
    done = checkpoints_scored(monkeypatch)
    pd.testing.assert_frame_equal(run(world, job(runs=RUNS), "scores/x.parquet"), whole)
    assert {name for name, _, _ in done} == {"run2"}
    assert not list(Path(".gap/journal").rglob("*.parquet"))


def test_skipped_and_diverged_updates_are_no_checkpoints(world: dict[str, Path]) -> None:
    rows = read_table(world["folder"] / "trajectories.parquet", "trajectories")
    rows.loc[(rows["run"] == "run0") & (rows["epoch"] > 0), "real"] = False
    write_table(rows, world["folder"] / "skipped.parquet", "trajectories")
    found = run(world, job(runs=RUNS[:1]), "scores/x.parquet", "skipped.parquet")
    assert found.empty


def test_another_base_model_is_refused(world: dict[str, Path]) -> None:
    rows = read_table(world["folder"] / "trajectories.parquet", "trajectories")
    write_table(rows.assign(digest="0" * 16), world["folder"] / "other.parquet", "trajectories")
    with pytest.raises(Refused, match="base weights"):
        run(world, job(runs=RUNS[:1]), "scores/x.parquet", "other.parquet")


def test_the_unmodified_model_is_scored_behind_runs_with_its_own_bits_or_not_at_all(
    world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The snapshot has one wrong bit once the run is replayed."""
    replay = session_module.Session.replay

    def spoiling(self: Any, *given: Any) -> Any:
        try:
            yield from replay(self, *given)
        finally:
            self.snapshot.saved[0].view(torch.int32).view(-1)[7] ^= 1

    runs = [RUNS[0], BASE]
    assert set(run(world, job(runs=runs, items=3), "whole.parquet")["run"]) == {one.run for one in runs}
    monkeypatch.setattr(session_module.Session, "replay", spoiling)
    with pytest.raises(Refused, match="weights put back"):
        run(world, job(runs=runs, items=4), "spoiled.parquet")


def test_what_cannot_be_scored_is_said(world: dict[str, Path]) -> None:
    with pytest.raises(BadInput, match="5 updates"):
        run(world, job(runs=RUNS[:1], updates=5), "scores/x.parquet")
    with pytest.raises(BadInput, match="no row"):
        run(world, job(runs=[RunId(run="unknown", corpus="some", text=0)]), "scores/x.parquet")
    with pytest.raises(BadInput, match="no text 9"):
        run(world, job(runs=[RunId(run="run0", corpus="some", text=9)]), "scores/x.parquet")
    with pytest.raises(BadInput, match="160 positions"):
        run(world, job(max_length=200), "scores/x.parquet")
    with pytest.raises(BadInput, match="without trajectories"):
        evaluate_one(job(runs=RUNS[:1]), world["model"], world["folder"] / "piqa.jsonl", {}, None, Path("x.parquet"), Runtime("cpu", 1))
