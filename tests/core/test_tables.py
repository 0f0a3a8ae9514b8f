"""The table contract is enforced on writing and on reading."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gap.core.errors import BadInput
from gap.core.tables import TABLES, read_table, schema, write_table
from gap.runtime.journal import Journal


def texts(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "corpus": "c",
            "text": range(count),
            "string": [f"s{i}" for i in range(count)],
            "tokens": 3,
            "source": "s",
            "document": "d",
            "hash": "h",
        }
    )


def scores(run: str, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"model": "m", "method": "gap", "corpus": "c", "text": 0, "run": run, "step": range(count), "task": "t", "split": "validation",
         "metric": "acc", "value": 0.5, "items": 2}
    )  # fmt: skip


def test_round_trip_keeps_values_and_order(tmp_path: Path) -> None:
    write_table(texts(3)[["hash", *list(TABLES["texts"])[:-1]]], tmp_path / "t.parquet", "texts")
    back = read_table(tmp_path / "t.parquet", "texts")
    assert list(back.columns) == list(TABLES["texts"])
    assert back["string"].tolist() == ["s0", "s1", "s2"] and back["text"].dtype == "int32"


def test_whole_numbers_may_come_as_floats(tmp_path: Path) -> None:
    write_table(texts(2).assign(tokens=[3.0, 4.0]), tmp_path / "t.parquet", "texts")
    assert read_table(tmp_path / "t.parquet", "texts")["tokens"].tolist() == [3, 4]


def test_every_column_has_a_meaning() -> None:
    for name in TABLES:
        assert all(field.metadata[b"description"] for field in schema(name))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.drop(columns="hash"),
        lambda f: f.assign(more=1),
        lambda f: f.assign(tokens="x"),
        lambda f: f.assign(tokens=[3.0, 3.5]),
        lambda f: f.assign(tokens=[3.0, float("inf")]),
        lambda f: f.assign(tokens=2**31),
        lambda f: f.assign(tokens=2**70),
        lambda f: f.assign(string=None),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(tmp_path: Path, spoil) -> None:
    with pytest.raises(BadInput):
        write_table(spoil(texts(2)), tmp_path / "t.parquet", "texts")
    assert not list(tmp_path.iterdir())


def test_reading_something_else_is_explained(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(BadInput, match="not a readable Parquet"):
        read_table(tmp_path / "t.parquet", "texts")
    with pytest.raises(BadInput, match=r"none\.parquet: no such file\. Allowed: table texts\. Run the study again"):
        read_table(tmp_path / "none.parquet", "texts")


def test_a_journal_survives_the_job_and_leaves_with_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = Path("out/a.parquet")
    identities = {"r1": "one", "r2": "two"}
    first = Journal(output, "run_scores", identities, counts=2)
    assert first.get("r1") is None and not first.is_finished()
    first.add("r1", scores("r1", 2))

    second = Journal(output, "run_scores", identities, counts=2)
    rows = second.get("r1")
    assert rows is not None and rows["step"].tolist() == [0, 1]
    assert Journal(Path("elsewhere/a.parquet"), "run_scores", identities, counts=2).get("r1") is None
    assert Journal(output, "run_scores", identities, counts=3).get("r1") is None
    assert Journal(output, "run_scores", {"r1": "another"}, counts=2).get("r1") is None
    second.finish(pd.concat([rows, scores("r2", 1)]), "aggregate", {})
    assert not any(path.is_file() for path in Path(".gap").rglob("*"))
    assert second.is_finished() and not Journal(output, "run_scores", {"r1": "one"}).is_finished()

    third = Journal(Path("out/b.parquet"), "run_scores", {"r1": "another", "r2": "two", "r3": "three"})
    [sibling] = list(third.siblings())
    assert sibling["run"].tolist() == ["r2"]
    assert list(Journal(Path("out/c.parquet"), "run_scores", {"r2": "another"}).siblings()) == []


def test_an_unreadable_unit_counts_as_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(Path("out/a.parquet"), "run_scores", {"r1": "one"})
    journal.add("r1", scores("r1", 1))
    next(Path(".gap").rglob("*.parquet")).write_bytes(b"PAR1")
    assert journal.get("r1") is None
