from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny

from gap.core.errors import BadInput, Refused
from gap.core.tables import read_table, write_table
from gap.models.load import load_model
from gap.models.text import encode_text
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import weights_digest
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain import job as job_module
from gap.posttrain.job import posttrain
from gap.runtime import journal
from gap.runtime.runtime import Runtime

TEXTS = [tiny.essay(seed, 20) for seed in range(4)]
OUT = Path("runs/texts.parquet")


class Killed(Exception):
    pass


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, Path]:
    return {name: tiny.texts_table(tmp_path / f"{name}.parquet", name, TEXTS) for name in ("code", "prose")}


def job(texts: range = range(2), updates: int = 3, **changes: Any) -> PosttrainJob:
    runs = [RunId(run=f"{corpus}{text:011d}", corpus=corpus, text=text) for corpus in ("code", "prose") for text in texts]
    return PosttrainJob(model="nano", method="gap", settings=tiny.method(**changes), updates=updates, runs=runs)


def counted(monkeypatch: pytest.MonkeyPatch, die_at: int = 10**9) -> list[int]:
    """Note every run that is really done; die in the one numbered ``die_at``."""
    done: list[int] = []
    original = job_module.run_method

    def run(*arguments: Any) -> Any:
        if len(done) == die_at:
            raise Killed
        done.append(1)
        return original(*arguments)

    monkeypatch.setattr(job_module, "run_method", run)
    return done


def without_times(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="seconds")


def test_the_table_holds_every_run_and_step(model: Path, corpora: dict[str, Path]) -> None:
    posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    rows = read_table(OUT, "trajectories")
    assert len(rows) == 4 * 4 and rows["run"].nunique() == 4
    assert set(rows.loc[rows["step"] == 0, "digest"]) == {weights_digest(load_model(model))}
    one = rows[(rows["corpus"] == "prose") & (rows["text"] == 1)]
    loaded = load_model(model)
    ids = encode_text(load_tokenizer(model), TEXTS[1], max_tokens=512, positions=64)
    assert list(one["digest"]) == [row.digest for row in tiny.updates(loaded, ids, tiny.gap(), 3)]
    # the same text under another corpus name takes the same way: nothing leaks from run to run
    same_text = rows[(rows["corpus"] == "code") & (rows["text"] == 1)]
    assert list(one["digest"]) == list(same_text["digest"])
    record = json.loads(OUT.with_name("texts.provenance.json").read_text())
    assert record["weights"] == one["digest"].iloc[0] and record["settings"]["updates"] == 3


def test_a_killed_job_goes_on_where_it_was(model: Path, corpora: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    posttrain(job(), model, corpora, Path("whole/texts.parquet"), Runtime("cpu", 1))
    with monkeypatch.context() as patched:
        counted(patched, die_at=2)
        with pytest.raises(Killed):
            posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    assert not OUT.exists() and len(list(journal.ROOT.rglob("*.parquet"))) == 2
    done = counted(monkeypatch)
    posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    assert len(done) == 2
    whole = read_table(Path("whole/texts.parquet"), "trajectories")
    pd.testing.assert_frame_equal(without_times(read_table(OUT, "trajectories")), without_times(whole))
    assert not list(journal.ROOT.rglob("*.parquet"))


def test_more_texts_and_fewer_updates_reuse_what_is_there(model: Path, corpora: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    posttrain(job(range(2), 3), model, corpora, OUT, Runtime("cpu", 1))
    done = counted(monkeypatch)
    posttrain(job(range(3), 2), model, corpora, OUT.with_name("more.parquet"), Runtime("cpu", 1))
    assert len(done) == 2
    rows = read_table(OUT.with_name("more.parquet"), "trajectories")
    assert rows.groupby("run")["epoch"].max().tolist() == [2] * 6
    posttrain(job(range(2), 4), model, corpora, OUT.with_name("longer.parquet"), Runtime("cpu", 1))
    assert len(done) == 2 + 4


def test_rows_of_another_base_model_are_not_reused(model: Path, corpora: dict[str, Path], tmp_path: Path, tokenizer: Path) -> None:
    posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    other = tiny.make_model(tmp_path / "other", tokenizer, seed=3)
    posttrain(job(), other, corpora, OUT.with_name("other.parquet"), Runtime("cpu", 1))
    rows = read_table(OUT.with_name("other.parquet"), "trajectories")
    assert set(rows.loc[rows["step"] == 0, "digest"]) == {weights_digest(load_model(other))}


def other_text(corpora: dict[str, Path]) -> dict[str, Path]:
    changed = [f"{text} and more" for text in TEXTS]
    return {name: tiny.texts_table(path.with_name(f"other-{name}.parquet"), name, changed) for name, path in corpora.items()}


@pytest.mark.parametrize("change", ["learning rate", "optimizer", "transform", "text", "code"])
def test_runs_of_the_same_name_that_are_others_are_not_reused(
    model: Path, corpora: dict[str, Path], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    with monkeypatch.context() as patched:  # a killed job of the first kind leaves runs in the journal too
        counted(patched, die_at=2)
        with pytest.raises(Killed):
            posttrain(job(updates=4), model, corpora, OUT.with_name("killed.parquet"), Runtime("cpu", 1))
    settings = {
        "learning rate": job(updates=4, learning_rate=1e-3),
        "optimizer": job(updates=4, optimizer={"kind": "sign"}),
        "transform": job(updates=4).model_copy(update={"settings": tiny.method([{"kind": "interpolation", "coefficient": 0.5}])}),
        "text": job(updates=4),
        "code": job(updates=4).model_copy(update={"code": {"gap.posttrain.job": "v99"}}),
    }[change]
    there = other_text(corpora) if change == "text" else corpora
    posttrain(settings, model, there, Path("elsewhere/texts.parquet"), Runtime("cpu", 1))
    done = counted(monkeypatch)
    posttrain(settings, model, there, OUT.with_name("killed.parquet"), Runtime("cpu", 1))
    assert len(done) == 4
    found, wanted = (read_table(path, "trajectories") for path in (OUT.with_name("killed.parquet"), Path("elsewhere/texts.parquet")))
    pd.testing.assert_frame_equal(without_times(found), without_times(wanted))


def test_diverged_runs_count_as_finished(model: Path, corpora: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    posttrain(job(learning_rate=1e36), model, corpora, OUT, Runtime("cpu", 1))
    rows = read_table(OUT, "trajectories")
    assert rows["diverged"].sum() == 4 and rows["epoch"].max() < 3
    done = counted(monkeypatch)
    posttrain(job(learning_rate=1e36), model, corpora, OUT.with_name("again.parquet"), Runtime("cpu", 1))
    assert not done


def test_missing_texts_and_corpora(model: Path, corpora: dict[str, Path]) -> None:
    with pytest.raises(BadInput, match=r"no text 4.*texts 0 to 3"):
        posttrain(job(range(5)), model, corpora, OUT, Runtime("cpu", 1))
    with pytest.raises(BadInput, match="--corpus prose=FILE"):
        posttrain(job(), model, {"code": corpora["code"]}, OUT, Runtime("cpu", 1))
    assert not OUT.exists()


def test_weights_that_were_not_restored_are_noticed(model: Path, corpora: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.models.weights import Snapshot

    monkeypatch.setattr(Snapshot, "restore", lambda self: None)
    with pytest.raises(Refused, match="at its start"):
        posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))


def test_an_unreadable_sibling_is_left_alone(model: Path, corpora: dict[str, Path]) -> None:
    OUT.parent.mkdir()
    OUT.with_name("broken.parquet").write_bytes(b"not parquet")
    posttrain(job(), model, corpora, OUT, Runtime("cpu", 1))
    assert set(read_table(OUT, "trajectories")["run"]) == {run.run for run in job().runs}
    assert OUT.with_name("broken.parquet").read_bytes() == b"not parquet"
    write_table(read_table(OUT, "trajectories"), Path("copy.parquet"), "trajectories")
