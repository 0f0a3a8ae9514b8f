"""A line of metadata in front of a text: what it says, and that the text keeps its length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.locations import mirror
from gap.core.tables import read_table
from gap.corpora.documents import documents
from gap.corpora.readers.files import heading
from gap.corpora.sample import sample_corpus
from gap.corpora.tokens import open_tokenizer
from gap.params.corpora import Corpus, CorpusJob
from gap.params.sources import AuthorsSource, FilesSource, HubSource, ProceduralSource, Source, StdlibSource, TableSource

from .conftest import essay


def job(source: Source, texts: int, **corpus: Any) -> CorpusJob:
    return CorpusJob(name="here", corpus=Corpus(**{"source": "s", "window": 60, **corpus}), source=source, texts=texts, seed=1)


def sampled(wanted: CorpusJob, tokenizer: Path, folder: Path) -> pd.DataFrame:
    sample_corpus(wanted, tokenizer, {}, folder / "here.parquet")
    return read_table(folder / "here.parquet", "texts")


def rows(path: Path, *found: dict[str, Any]) -> TableSource:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return TableSource(kind="jsonl", path=str(path), title_column="name")


@pytest.fixture(scope="module")
def titled(tmp_path_factory: pytest.TempPathFactory) -> TableSource:
    path = tmp_path_factory.mktemp("titled") / "a.jsonl"
    return rows(path, *({"text": essay(number, 60), "name": f"On motors,\n part {number}"} for number in range(20)))


# -- titles ----------------------------------------------------------------------------------------------------------


def test_titles_of_the_standard_library() -> None:
    for content, wanted in (
        ("docs", {"topics/if": "if", "threading.py": "threading", "xml/dom/minidom.py": "xml.dom.minidom", "json/__init__.py": "json"}),
        ("code", {"threading.py": "threading", "xml/dom/__init__.py": "xml.dom"}),
        ("turns", {"threading.py": "threading"}),
    ):
        found = {document.id: document.title for document in documents(StdlibSource(kind="stdlib", content=content), "all", 0)}
        assert wanted.items() <= found.items() and all(found.values())


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (" = Robert Boulter =\n\nText", "Robert Boulter"),
        (" = = Section = =\nText", ""),
        ("Heading\n\nText", ""),
        ("a = b = c", ""),
        ("", ""),
    ],
)
def test_a_heading_is_wikitexts_alone(text: str, title: str) -> None:
    assert heading(text) == title


def test_titles_of_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = documents(
        rows(tmp_path / "a.jsonl", {"text": "x", "name": "One"}, {"text": "y", "name": None}, {"text": "z", "name": 3}), "all", 0
    )
    assert [document.title for document in found] == ["One", "", "3"]

    def stream(source: HubSource) -> Iterator[dict[str, Any]]:
        yield {"text": "x", "heading": "Two"}

    monkeypatch.setattr("gap.corpora.readers.hub.dataset_rows", stream)
    hub = HubSource(kind="hub", dataset="some/thing", revision="b" * 40, title_column="heading")
    assert [document.title for document in documents(hub, "all", 0)] == ["Two"]
    with pytest.raises(BadInput, match=r"no column 'label' among .* `title_column`"):
        list(documents(hub.model_copy(update={"title_column": "label"}), "all", 0))
    with pytest.raises(BadInput, match=r"line 1: not JSON \(half of a surrogate pair"):
        list(documents(rows(tmp_path / "a.jsonl", {"text": "x", "name": "\ud800"}), "all", 0))


# -- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metadata", ["source", "title"])
def test_the_line_stands_in_front_and_the_text_keeps_its_length(
    titled: TableSource, tokenizer: Path, tmp_path: Path, metadata: str
) -> None:
    plain = sampled(job(titled, 40), tokenizer, tmp_path)
    found = sampled(job(titled, 40, metadata=metadata), tokenizer, tmp_path)
    assert set(found["tokens"]) == set(plain["tokens"]) == {60}
    bodies = []
    for row in found.itertuples():
        line, body = row.string.split("\n", 1)
        assert line == ("Source: a.jsonl" if metadata == "source" else f"Title: On motors, part {row.document}")
        bodies.append(body)
    # the same passages, but for their ends: a window is only moved where a cut would not read as it stands
    same = [whole.startswith(body) for whole, body in zip(plain["string"], bodies, strict=True)]
    assert found["document"].tolist() == plain["document"].tolist() and sum(same) >= 30
    texts = {document.id: document.text for document in documents(titled, "all", 1)}
    assert all(body in texts[document] for body, document in zip(bodies, found["document"], strict=True))


def test_asking_for_more_keeps_the_first(titled: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    many = sampled(job(titled, 40, metadata="title"), tokenizer, tmp_path)
    pd.testing.assert_frame_equal(sampled(job(titled, 9, metadata="title"), tokenizer, tmp_path), many[:9])


def test_a_repeat_stays_one_under_another_title(tokenizer: Path, tmp_path: Path) -> None:
    text = essay(0, 9)
    width = len(open_tokenizer(tokenizer).encode(text, add_special_tokens=False).ids)
    source = rows(tmp_path / "a.jsonl", *({"text": text, "name": name} for name in ("motor", "river")))
    with pytest.raises(BadInput, match=r"1 texts where 2 are asked for: 2 documents.* 1 (near )?repeats"):
        sampled(job(source, 2, metadata="title", window=width), tokenizer, tmp_path)


def test_a_line_that_fills_the_window_is_counted(tokenizer: Path, tmp_path: Path) -> None:
    found = [{"text": essay(0, 60), "name": "very long " * 30}, {"text": essay(1, 60), "name": "short"}]
    source = rows(tmp_path / "a.jsonl", *found)
    texts = sampled(job(source, 3, metadata="title"), tokenizer, tmp_path)
    assert set(texts["document"]) == {"1"} and read_json(tmp_path / "here.provenance.json")["counts"]["crowded"] == 1
    with pytest.raises(
        BadInput, match=r"2 documents in part all .* 0 of them shorter than 60 tokens, 1 whose line of metadata takes more than half"
    ):
        sampled(job(source, 300, metadata="title"), tokenizer, tmp_path)


def test_the_line_can_quote_an_item_too(titled: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    plain = sampled(job(titled, 20, metadata="title"), tokenizer, tmp_path)
    quoted = " ".join(plain["string"][3].split()[:13])
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"goal": quoted, "sol1": "yes", "sol2": "no", "label": 0}) + "\n")
    sample_corpus(
        job(titled, 19, metadata="title", overlap="remove"), tokenizer, {"piqa": {"validation": path}}, tmp_path / "other.parquet"
    )
    assert read_table(tmp_path / "other.parquet", "texts")["string"].tolist() == plain["string"].drop(3).tolist()


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "metadata", "said"),
    [
        (TableSource(kind="csv", path="a.csv"), "title", "source 's' of kind csv names no titles"),
        (HubSource(kind="hub", dataset="a/b", revision="b" * 40), "title", "source 's' of kind hub names no titles"),
        (AuthorsSource(kind="authors", name="CC"), "title", "taken whole"),
        (AuthorsSource(kind="authors", name="CC"), "source", "'source', but the authors' texts are taken whole"),
        (
            ProceduralSource.model_validate(
                {"kind": "procedural", "generator": {"kind": "arithmetic", "operators": ["+"], "digits": 2}, "documents": 1, "lines": 1}
            ),
            "title",
            "of kind procedural names no titles",
        ),
    ],
)
def test_sources_without_titles_are_refused_at_once(source: Source, metadata: str, said: str, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        sampled(job(source, 1, metadata=metadata), tokenizer, tmp_path)
    assert caught.value.where == "corpora.here.metadata" and said in caught.value.found
    assert "stdlib" in caught.value.allowed and "`title_column`" in caught.value.allowed


def test_a_document_without_a_title_is_named(tokenizer: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("\n\n".join(essay(number, 40) for number in range(3)), encoding="utf-8")
    with pytest.raises(BadInput, match=r"title, but document 'plain\.txt#\d+' of plain\.txt has none\. Allowed: .*WikiText"):
        sampled(job(FilesSource(kind="files", paths=[str(path)]), 1, metadata="title"), tokenizer, tmp_path)
    source = rows(tmp_path / "a.jsonl", {"text": essay(0, 60), "name": " "})
    with pytest.raises(BadInput, match=r"title, but document '0' of a\.jsonl has none"):
        sampled(job(source, 1, metadata="title"), tokenizer, tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.skipif(mirror() is None, reason="GAP_MIRROR is not set")
def test_titles_of_wikipedia(tokenizer: Path, tmp_path: Path) -> None:
    source = FilesSource(kind="files", paths=["mirror:text/wikitext2_test.txt.xz"])
    found = sampled(job(source, 60, window=200, metadata="title"), tokenizer, tmp_path)
    assert set(found["tokens"]) == {200} and found["document"].nunique() == 60
    lines = dict(zip(found["document"], found["string"].str.split("\n").str[0], strict=True))
    assert lines["wikitext2_test.txt.xz#0"] == "Title: Robert <unk>"
