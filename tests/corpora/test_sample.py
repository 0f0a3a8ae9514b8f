"""Sampling: windows of exact length, prefix stability, no repeats, honest refusals, the authors' rows untouched."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gap.core.digest import text_digest
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.locations import mirror
from gap.core.tables import read_table
from gap.corpora import sample
from gap.corpora.documents import documents
from gap.corpora.duplicates import SeenTexts, shingles
from gap.corpora.overlap import ItemFiles
from gap.corpora.readers import Document
from gap.corpora.sample import sample_corpus
from gap.corpora.tokens import open_tokenizer
from gap.corpora.windows import SLACK, hash64, window_starts
from gap.params.corpora import Corpus, CorpusJob
from gap.params.sources import AuthorsSource, FilesSource, Source, TableSource

needs_mirror = pytest.mark.skipif(mirror() is None, reason="GAP_MIRROR is not set")


def job(source: Source, texts: int, seed: int = 1, name: str = "essays", **corpus: Any) -> CorpusJob:
    return CorpusJob(name=name, corpus=Corpus(**{"source": "here", "window": 60, **corpus}), source=source, texts=texts, seed=seed)


def sampled(wanted: CorpusJob, tokenizer: Path, folder: Path, items: ItemFiles | None = None) -> pd.DataFrame:
    out = folder / f"{wanted.name}.parquet"
    sample_corpus(wanted, tokenizer, items or {}, out)
    return read_table(out, "texts")


def length(tokenizer: Path, text: str) -> int:
    return len(Tokenizer.from_file(str(tokenizer / "tokenizer.json")).encode(text, add_special_tokens=False).ids)


# -- windows ---------------------------------------------------------------------------------------------------------


def test_windows_are_exact_verbatim_and_described(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    found = sampled(job(essays, 80), tokenizer, tmp_path)
    texts = {document.id: document.text for document in documents(essays, "all", 0)}
    assert found["text"].tolist() == list(range(80))
    assert set(found["tokens"]) == {60}
    assert all(length(tokenizer, text) == 60 for text in found["string"])
    assert all(text in texts[document] for text, document in zip(found["string"], found["document"], strict=True))
    assert found["hash"].tolist() == [text_digest(text) for text in found["string"]]
    assert (set(found["corpus"]), set(found["source"])) == ({"essays"}, {"essays.jsonl"})
    assert found["string"].is_unique


def test_each_document_gives_one_window_before_any_gives_two(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    found = sampled(job(essays, 80), tokenizer, tmp_path)
    counts = [Counter(found["document"][:number]) for number in (30, 80)]
    assert set(counts[0].values()) == {1}
    assert max(counts[1].values()) >= 2


def test_windows_of_one_document_share_no_text(tmp_path: Path, tokenizer: Path) -> None:
    path = tmp_path / "one.jsonl"
    text = " ".join(f"{number}" for number in range(5000))
    path.write_text(json.dumps({"text": text}), encoding="utf-8")
    found = sampled(job(TableSource(kind="jsonl", path=str(path)), 40), tokenizer, tmp_path)
    spans = sorted((text.index(part), text.index(part) + len(part)) for part in found["string"])
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


@given(st.integers(0, 3000), st.integers(2, 300), st.text(max_size=5))
@settings(max_examples=60)
def test_windows_lie_inside_and_apart(total: int, width: int, key: str) -> None:
    found = window_starts(total, width, key)
    assert len(found) == (0 if total < width else max(1, total // (width + SLACK)))
    spans = sorted((starts[0], starts[-1] + width) for starts in found)
    assert all(first >= 0 and last <= total for first, last in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert window_starts(total, width, key) == found


def test_the_hash_is_the_same_everywhere() -> None:
    assert hash64(1, "order", "a") == 3129203800000621715
    assert hash64(1, "order", "a") != hash64(1, "orde", "ra")


def test_a_character_is_never_cut(tmp_path: Path, tokenizer: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = "".join(f"{number} 日本語 and café, naïve — テキスト。" for number in range(200))
    path.write_text(json.dumps({"text": text}, ensure_ascii=False), encoding="utf-8")
    found = sampled(job(TableSource(kind="jsonl", path=str(path)), 20, near_duplicates=1.0, window=61), tokenizer, tmp_path)
    assert not any("\ufffd" in text for text in found["string"])
    assert set(found["tokens"]) == {61}


# -- order and seed --------------------------------------------------------------------------------------------------


@given(st.integers(1, 70), st.integers(0, 10**6))
@settings(max_examples=8)
def test_asking_for_more_keeps_the_first(
    essays: TableSource, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory, fewer: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("prefix")
    many = sampled(job(essays, 70, seed), tokenizer, folder)
    few = sampled(job(essays, fewer, seed), tokenizer, folder)
    pd.testing.assert_frame_equal(few, many[:fewer])


def test_skipped_texts_are_the_first_ones(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    whole = sampled(job(essays, 20), tokenizer, tmp_path)
    rest = sampled(job(essays, 8, name="rest", skip=12), tokenizer, tmp_path)
    assert rest["string"].tolist() == whole["string"][12:].tolist() and rest["text"].tolist() == list(range(8))
    assert Corpus(source="here").identity() == Corpus(source="here", skip=0).identity() != Corpus(source="here", skip=1).identity()
    with pytest.raises(BadInput, match=r"where 9 are asked for behind 5000 that are skipped.*at least 5009 distinct"):
        sampled(job(essays, 9, skip=5000), tokenizer, tmp_path)


def test_seed_decides_and_name_does_not(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    one, two = (sampled(job(essays, 20, seed), tokenizer, tmp_path)["string"].tolist() for seed in (1, 2))
    assert len(set(one) & set(two)) <= 2
    assert sampled(job(essays, 20, 1, name="other"), tokenizer, tmp_path)["string"].tolist() == one


def test_same_job_gives_the_same_bytes(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    sampled(job(essays, 10), tokenizer, tmp_path)
    first = (tmp_path / "essays.parquet").read_bytes()
    sampled(job(essays, 10), tokenizer / "tokenizer.json", tmp_path)
    assert (tmp_path / "essays.parquet").read_bytes() == first


def test_parts_give_texts_of_different_documents(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    split = essays.model_copy(update={"heldout": 0.4})
    train, heldout = (sampled(job(split, 12, part=part), tokenizer, tmp_path) for part in ("train", "heldout"))
    assert not set(train["document"]) & set(heldout["document"])


# -- duplicates ------------------------------------------------------------------------------------------------------


def test_repeats_are_dropped_and_counted(tmp_path: Path, tokenizer: Path) -> None:
    base = " ".join(f"word{number}" for number in range(40))
    rows = [base, base.replace(" ", "  ", 3), base.replace("word39", "other"), base.replace("word20", "other"), base[::-1]]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
    source = TableSource(kind="jsonl", path=str(path))
    width = min(length(tokenizer, text) for text in rows)
    found = sampled(job(source, 2, window=width - SLACK, near_duplicates=0.5), tokenizer, tmp_path)
    assert sorted(text[:4] in base for text in found["string"]) == [False, True]
    with pytest.raises(BadInput, match=r"2 texts where 3 are asked for: 5 documents.*(?:\d repeats, \d near repeats)"):
        sampled(job(source, 3, window=width - SLACK, near_duplicates=0.3), tokenizer, tmp_path)


def test_no_two_texts_reach_the_similarity(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    found = sampled(job(essays, 60, near_duplicates=0.2, window=40), tokenizer, tmp_path)
    sets = [shingles(text) for text in found["string"]]
    assert max(len(one & two) / len(one | two) for one, two in itertools.combinations(sets, 2)) < 0.2


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=12).map(" ".join), min_size=2, max_size=12))
@settings(max_examples=60)
def test_similarity_equals_the_definition(texts: list[str]) -> None:
    kept = SeenTexts(0.5)
    for text in texts[:-1]:
        kept.add(text)
    own = shingles(texts[-1])
    expected = max(len(own & shingles(text)) / len(own | shingles(text)) for text in texts[:-1])
    assert kept.similarity(texts[-1]) == expected
    assert (kept.repeats(texts[-1]) == "exact") == (texts[-1] in texts[:-1])


def test_similarity_one_keeps_near_duplicates() -> None:
    kept = SeenTexts(1.0)
    kept.add("a b c d e f")
    assert kept.repeats("A b c d e f") == ""
    assert kept.repeats("a  b c d e\nf") == "exact"
    assert SeenTexts(0.0).repeats("anything") == ""


# -- overlap ---------------------------------------------------------------------------------------------------------


def piqa(path: Path, goal: str, solution: str = "yes") -> ItemFiles:
    path.write_text(json.dumps({"goal": goal, "sol1": solution, "sol2": "no", "label": 0}) + "\n", encoding="utf-8")
    return {"piqa": {"validation": path}}


def test_texts_that_quote_an_item_are_removed_when_asked(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    plain = sampled(job(essays, 12), tokenizer, tmp_path)
    quoted = " ".join(plain["string"][4].split()[2:18]).upper()
    items = piqa(tmp_path / "items.jsonl", quoted)
    removed = sampled(job(essays, 11, overlap="remove"), tokenizer, tmp_path, items)
    assert removed["string"].tolist() == plain["string"].drop(4).tolist()
    assert read_json(tmp_path / "essays.provenance.json")["counts"]["dropped_overlap"] == 1
    reported = sampled(job(essays, 12), tokenizer, tmp_path, items)
    pd.testing.assert_frame_equal(reported, plain)
    with pytest.raises(BadInput, match="--items"):
        sampled(job(essays, 1, overlap="remove"), tokenizer, tmp_path)


# -- records and refusals --------------------------------------------------------------------------------------------


def test_birth_record_counts_what_happened(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    found = sampled(job(essays, 50), tokenizer, tmp_path)
    record = read_json(tmp_path / "essays.provenance.json")
    counts = record["counts"]
    assert counts["documents"] == 43
    assert counts["kept"] == len(found) == 50
    assert counts["windows"] == 50 + counts.get("dropped_exact", 0) + counts.get("dropped_near", 0)
    assert record["stage"] == "corpora"
    assert record["settings"]["corpus"]["window"] == 60
    assert len(record["settings"]["tokenizer"]) == 64


def test_too_few_texts_say_why_and_write_nothing(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        sampled(job(essays, 10_000, window=400), tokenizer, tmp_path)
    assert "where 10000 are asked for: 43 documents in part all" in caught.value.found
    assert "of them shorter than 400 tokens" in caught.value.found
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BadInput, match=r"0 texts where 1 are asked for: 0 documents in part heldout \(heldout: 0.0\)"):
        sampled(job(essays, 1, part="heldout"), tokenizer, tmp_path)


def test_too_few_of_the_authors_texts_ask_for_nothing_that_would_not_help(tokenizer: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sample, "documents", lambda source, part, seed: [Document(str(n), f"text {n}", "Git") for n in range(3)])
    with pytest.raises(
        BadInput, match=r"1 texts where 2 .* behind 2 that are skipped\. Allowed: at most 3, .* Lower gap\.texts or skip, or"
    ):
        sampled(job(AuthorsSource(kind="authors", name="Git"), 2, name="git", skip=2), tokenizer, tmp_path)


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_folder_without_a_tokenizer(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(BadInput, match=r"tokenizer\.json|fast tokenizer|UTF-8 JSON"):
        open_tokenizer(tmp_path)


# -- genuine data ----------------------------------------------------------------------------------------------------


@needs_mirror
def test_authors_texts_are_rows_in_order(tokenizer: Path, tmp_path: Path) -> None:
    source = AuthorsSource(kind="authors", name="Git")
    found = sampled(job(source, 100, name="git", near_duplicates=0.8), tokenizer, tmp_path)
    rows = list(itertools.islice(documents(source, "all", 0), 100))
    assert found["document"].tolist() == [row.id for row in rows]
    assert found["string"].tolist() == [row.text for row in rows]
    assert found["document"][0] == "19955"
    assert read_json(tmp_path / "git.provenance.json")["counts"]["kept"] == 100
    with pytest.raises(BadInput, match="1000 texts where 1001"):
        sampled(job(source, 1001), tokenizer, tmp_path)
    with pytest.raises(BadInput, match=r"corpora\.git\.part"):
        sampled(job(source, 1, name="git", part="train"), tokenizer, tmp_path)


@needs_mirror
def test_windows_of_wikipedia(tokenizer: Path, tmp_path: Path) -> None:
    source = FilesSource(kind="files", paths=["mirror:text/wikitext2_test.txt.xz"])
    found = sampled(job(source, 100, window=200), tokenizer, tmp_path)
    assert set(found["tokens"]) == {200}
    assert found["document"][:60].nunique() == 60
    assert found["string"].is_unique
