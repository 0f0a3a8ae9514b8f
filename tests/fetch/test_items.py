"""Fetching items: layouts, normalised output, provenance records, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gap.core.digest import file_digest
from gap.core.errors import BadInput, Unavailable
from gap.core.locations import mirror
from gap.fetch import items as module
from gap.fetch.items import fetch_items
from gap.fetch.origin import Origin
from gap.params.items import Items, TaskJob
from gap.tasks.items import load_items
from gap.tasks.registry import TASKS

COPA = {"label": 1, "premise": "It\u2028rained.", "choice1": "Wet.", "choice2": "Dry.", "idx": 0, "question": "effect", "extra": "no"}
CSV = 'pubid,question,context,long_answer,final_decision,abstract\n7,"Is\nit, so?",x,Long.,yes,"A ""quoted"" text"\n'


def job(task: str, split: str = "validation", **settings: Any) -> TaskJob:
    return TaskJob(task=task, split=split, items=Items(**{"kind": "folder", **settings}))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("below", ["", "tasks"])
def test_folder_keeps_the_hubs_columns_in_their_order(tmp_path: Path, below: str) -> None:
    put(tmp_path / below / "super_glue/copa/validation.jsonl", json.dumps(COPA, ensure_ascii=False) + "\n")
    out = tmp_path / "out" / "validation.jsonl"
    fetch_items(job("copa", path=str(tmp_path)), out)
    assert [list(row) for row in lines(out)] == [["premise", "choice1", "choice2", "question", "idx", "label"]]
    assert lines(out)[0]["premise"] == "It\u2028rained."
    record = json.loads((out.parent / "validation.provenance.json").read_text())
    assert (record["rows"], record["sha256"], record["stage"]) == (1, file_digest(out), "fetch-items")
    assert record["settings"]["task"] == "copa"


def test_pubmed_is_the_authors_file_where_there_is_one(tmp_path: Path) -> None:
    put(tmp_path / "upstream_gap/data/validation_data/pubmed_qa.csv", CSV)
    put(tmp_path / "tasks/pubmed_qa/validation.jsonl", '{"abstract": "other", "question": "q", "final_decision": "no"}\n')
    out = tmp_path / "validation.jsonl"
    fetch_items(job("pubmed_qa", path=str(tmp_path)), out)
    wanted = {"pubid": 7, "question": "Is\nit, so?", "abstract": 'A "quoted" text', "long_answer": "Long.", "final_decision": "yes"}
    assert lines(out) == [wanted]


def test_pubmed_from_jsonl_needs_its_abstract(tmp_path: Path) -> None:
    put(tmp_path / "pubmed_qa/validation.jsonl", '{"question": "q", "final_decision": "no"}\n')
    with pytest.raises(BadInput, match="'abstract'"):
        fetch_items(job("pubmed_qa", path=str(tmp_path)), tmp_path / "validation.jsonl")
    assert not (tmp_path / "validation.jsonl").exists()


@pytest.mark.parametrize("task", TASKS)
def test_miniature_sets_are_whole(tmp_path: Path, task: str) -> None:
    out = tmp_path / "validation.jsonl"
    fetch_items(job(task, kind="miniature"), out)
    assert len(load_items(task, out, 48)) == 48


def test_unknown_task_split_and_file_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "x.jsonl"
    with pytest.raises(BadInput, match=r"validation.*test"):
        fetch_items(job("math_qa", "train", kind="miniature"), out)
    with pytest.raises(BadInput, match="'validation'"):
        fetch_items(job("piqa", "test", kind="hub"), out)
    with pytest.raises(BadInput, match="no such split"):
        fetch_items(job("math_qa", "test", kind="miniature"), out)
    with pytest.raises(BadInput, match="one of"):
        fetch_items(job("squad", kind="miniature"), out)
    with pytest.raises(BadInput, match="no file"):
        fetch_items(job("piqa", path=str(tmp_path)), out)
    with pytest.raises(BadInput, match="nothing at"):
        fetch_items(job("piqa", path=str(tmp_path / "absent")), out)


def test_no_mirror_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAP_MIRROR", raising=False)
    with pytest.raises(Unavailable, match="GAP_MIRROR"):
        fetch_items(job("piqa", path="mirror:"), tmp_path / "x.jsonl")


def test_hub_reads_the_pinned_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(dataset: str, file: str, revision: str) -> tuple[list[dict[str, Any]], Origin]:
        asked.append((dataset, file, revision))
        row = {"id": "1", "question": "q", "choices": {"text": list("wxyz"), "label": list("ABCD")}, "answerKey": "B"}
        return [row], Origin("dataset", dataset, revision, "mit", {file: "0" * 64})

    monkeypatch.setattr(module, "parquet_rows", rows)
    fetch_items(job("arc_easy", "test", kind="hub"), tmp_path / "test.jsonl")
    assert asked == [("allenai/ai2_arc", "ARC-Easy/test-00000-of-00001.parquet", "210d026faf9955653af8916fad021475a3f00453")]
    assert load_items("arc_easy", tmp_path / "test.jsonl", 5)[0].gold == 1
    record = json.loads((tmp_path / "test.provenance.json").read_text())
    assert "allenai/ai2_arc@210d026f" in record["source"]
    [origin] = record["fetched"]
    assert origin["licence"] == "mit" and origin["files"] == {asked[0][1]: "0" * 64}


def test_hub_without_a_pinned_revision_says_how_to_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    task = TASKS["piqa"]
    assert task.hub is not None
    monkeypatch.setitem(TASKS.entries, "piqa", replace(task, hub=replace(task.hub, revision=None)))
    with pytest.raises(BadInput, match="commit of 40 hex digits"):
        fetch_items(job("piqa", kind="hub"), tmp_path / "x.jsonl")


def test_parquet_of_another_kind_and_an_unreachable_hub_are_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    from gap.fetch.hub import parquet_rows

    bad = put(tmp_path / "bad.parquet", "not parquet")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **options: str(bad))
    with pytest.raises(Unavailable, match="not a Parquet file"):
        parquet_rows("a/b", "bad.parquet", "0" * 40)

    def offline(*args: Any, **options: Any) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", offline)
    with pytest.raises(Unavailable, match="no route to host"):
        parquet_rows("a/b", "bad.parquet", "0" * 40)


def test_parquet_rows_are_plain_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gap.fetch.hub import parquet_rows

    rows = [{"goal": "g", "label": 1, "endings": ["a", "b"]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **options: str(tmp_path / "x.parquet"))
    monkeypatch.setattr("gap.fetch.hub.card_licence", lambda *asked: None)
    read, origin = parquet_rows("a/b", "x.parquet", "0" * 40)
    assert read == rows and origin.files == {"x.parquet": file_digest(tmp_path / "x.parquet")}


@pytest.mark.skipif(mirror() is None, reason="needs genuine data: set GAP_MIRROR")
@pytest.mark.parametrize("task", ["pubmed_qa", "wizard_of_internet"])
def test_folder_and_authors_repository_give_the_same_bytes(tmp_path: Path, task: str) -> None:
    fetch_items(job(task, path="mirror:"), tmp_path / "a.jsonl")
    fetch_items(job(task, kind="hub"), tmp_path / "b.jsonl")
    assert file_digest(tmp_path / "a.jsonl") == file_digest(tmp_path / "b.jsonl")
    assert json.loads((tmp_path / "a.provenance.json").read_text())["source"].startswith("mirror:")
