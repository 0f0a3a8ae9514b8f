"""Every kind of source: what becomes a document, what is refused, and the held-out split."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.core.digest import text_digest
from gap.core.errors import BadInput, Unavailable
from gap.core.locations import mirror
from gap.corpora.documents import documents, is_heldout
from gap.corpora.readers import Document, stdlib
from gap.corpora.readers.files import split_documents
from gap.params.sources import AuthorsSource, FilesSource, HubSource, Source, StdlibSource, TableSource

LONG = "word " * 50
needs_mirror = pytest.mark.skipif(mirror() is None, reason="GAP_MIRROR is not set")


def read(source: Source) -> list[Document]:
    return list(documents(source, "all", 0))


def files(*paths: Path) -> FilesSource:
    return FilesSource(kind="files", paths=[str(path) for path in paths])


def table(path: Path, kind: Any = "csv", **more: Any) -> TableSource:
    return TableSource(kind=kind, path=str(path), **more)


# -- plain text ------------------------------------------------------------------------------------------------------


def test_blocks_are_parted_by_blank_lines_and_short_ones_join_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"\n  \nHeading\n\n{LONG}\nsecond line\n \t\n{LONG}\r\n\nend".encode())
    found = read(files(path))
    assert [document.text for document in found] == [f"Heading\n\n{LONG.rstrip()}\nsecond line", LONG.rstrip(), "end"]
    assert [document.id for document in found] == ["a.txt#0", "a.txt#1", "a.txt#2"]
    assert {document.source for document in found} == {"a.txt"}


def test_wikitext_is_cut_at_titles() -> None:
    lines = [" \n", " = First = \n", " \n", "One .\n", " \n", " = = Section = = \n", " \n", "x = y\n", " = Table row = \n", " \n"]
    more = [" = Second one = \n", " \n", "Two .\n"]
    assert list(split_documents([*lines, *more])) == [
        " = First =\n\nOne .\n\n = = Section = =\n\nx = y\n = Table row =",
        " = Second one =\n\nTwo .",
    ]


def test_packed_files_and_several_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress("café\n".encode()))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"plain", mtime=0))
    (tmp_path / "c.txt").write_text("\ufeffmarked", encoding="utf-8")
    found = read(files(tmp_path / "a.txt.xz", tmp_path / "b.txt.gz", tmp_path / "c.txt"))
    assert [(document.source, document.text) for document in found] == [("a.txt.xz", "café"), ("b.txt.gz", "plain"), ("c.txt", "marked")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "naïve".encode("latin-1"), "not UTF-8"),
        ("a.txt.xz", lzma.compress(b"\xff\xfe"), "not UTF-8"),
        ("a.txt.xz", lzma.compress(b"text" * 99)[:-9], "cannot be unpacked"),
        ("a.txt.xz", b"text", "cannot be unpacked"),
        ("a.txt.gz", b"text", "cannot be unpacked"),
        ("a.txt.gz", gzip.compress(b"text" * 99, mtime=0)[:-9], "cannot be unpacked"),
        ("a.txt", b"", "no text"),
        ("a.txt", b" \n\n", "no text"),
        ("a.csv", b"", "no rows"),
        ("a.csv", b"text\n", "no rows"),
        ("a.csv", b"body,name\nx,y\n", "no column 'text' among ['body', 'name']"),
        ("a.csv", b"id,text\n1\n", "line 2: 1 fields. Allowed: 2"),
        ("a.csv", b"id,text\n1,well, then\n", "line 2: 3 fields. Allowed: 2"),
        ("a.csv", b"text,text\nx,y\n", "header: column 'text' 2 times"),
        ("a.csv", b"text, \nx,y\n", "header: column ' ' 1 times"),
        ("a.csv", b'text\n"a"b\n', "line 2: not CSV"),
        ("a.csv", b"text\n\xff\n", "not UTF-8"),
        ("a.jsonl", b"", "no rows"),
        ("a.jsonl", b'{"body": "x"}\n', "no column 'text' among ['body']"),
        ("a.jsonl", b'{"text": "x"}\n{"text": 3}\n', "row 1, column 'text': a int"),
        ("a.jsonl", b'{"text": "\\ud800"}\n', "half of a surrogate pair"),
        ("a.jsonl", b'{"text"\n', "not JSON"),
        ("a.parquet", b"PAR1", "not a readable Parquet file"),
    ],
)
def test_bad_files_are_named_with_their_fault(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    kind = name.rsplit(".", 1)[1]
    with pytest.raises(BadInput) as caught:
        read(table(path, kind) if kind in ("csv", "jsonl", "parquet") else files(path))
    assert said in str(caught.value)
    assert str(path) in caught.value.where


def test_files_of_a_folder_and_behind_a_pattern_are_read_in_alphabetical_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.md", "a.md", "c.txt", "sub/a.md"):
        (tmp_path / name).write_text(f"In {name}: {'word ' * 50}\n")
    ids = {pattern: [one.id for one in read(files(tmp_path / pattern))] for pattern in ("", "*.md", "**/*.md", "[ab].md", "c.txt")}
    assert ids == {
        "": ["a.md#0", "b.md#0", "c.txt#0", "sub/a.md#0"],
        "*.md": ["a.md#0", "b.md#0"],
        "**/*.md": ["a.md#0", "b.md#0", "sub/a.md#0"],
        "[ab].md": ["a.md#0", "b.md#0"],
        "c.txt": ["c.txt#0"],
    }


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl", "parquet"])
def test_missing_file_and_empty_folder(tmp_path: Path, kind: str) -> None:
    for path in (tmp_path / f"absent.{kind}", tmp_path):
        with pytest.raises(BadInput):
            read(files(path) if kind == "txt" else table(path, kind))


def test_mirror_path_without_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAP_MIRROR", raising=False)
    with pytest.raises(Unavailable, match="GAP_MIRROR"):
        read(FilesSource(kind="files", paths=["mirror:text/a.txt"]))


# -- tables ----------------------------------------------------------------------------------------------------------


def test_csv_keeps_newlines_inside_fields_and_long_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    texts = ['two\nlines, and a "quote"', "x" * 200_000, "  ", "a\r\nb\n"]
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["name", "text"], *([f"n{number}", text] for number, text in enumerate(texts))])
    found = read(table(path, id_column="name"))
    assert [(document.id, document.text) for document in found] == [("n0", texts[0]), ("n1", texts[1]), ("n3", texts[3])]
    assert [document.id for document in read(table(path))] == ["0", "1", "3"]


def test_jsonl_is_split_on_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "one\u2028still one", "key": 7}\n\n{"body": "two", "key": 8}\n', encoding="utf-8")
    found = read(table(path, "jsonl", column="body", id_column="key"))
    assert found == [Document("7", "one\u2028still one", "a.jsonl"), Document("8", "two", "a.jsonl")]


def test_parquet_and_its_missing_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["one", "two"], "n": [5, 6], "other": [None, None]}), path)
    assert [(document.id, document.text) for document in read(table(path, "parquet", id_column="n"))] == [("5", "one"), ("6", "two")]
    with pytest.raises(BadInput, match=r"no column 'body' among \['n', 'other', 'text'\]"):
        read(table(path, "parquet", column="body"))
    with pytest.raises(BadInput, match="row 0, column 'other': a NoneType"):
        read(table(path, "parquet", column="other"))


def test_hub_rows_become_documents_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[HubSource] = []

    def rows(source: HubSource) -> Iterator[dict[str, Any]]:
        asked.append(source)
        for number in range(1000):
            assert number <= 3, "read beyond the limit"
            yield {"body": f"text {number}"}

    monkeypatch.setattr("gap.corpora.readers.hub.dataset_rows", rows)
    source = HubSource(kind="hub", dataset="some/thing", config="en", revision="b" * 40, column="body", documents=3)
    assert read(source) == [Document(str(number), f"text {number}", "some/thing/en") for number in range(3)]
    assert asked == [source]
    with pytest.raises(BadInput, match=r"no column 'text' among \['body'\]"):
        read(source.model_copy(update={"column": "text"}))


# -- the standard library --------------------------------------------------------------------------------------------


def test_stdlib_docs_hold_the_reference_and_long_docstrings() -> None:
    found = read(StdlibSource(kind="stdlib", content="docs"))
    by_id = {document.id: document.text for document in found}
    assert len(by_id) == len(found) > 200
    assert '"if" statement' in by_id["topics/if"]
    assert "Thread" in by_id["threading.py"]
    assert not any(name.startswith(("test/", "idlelib/", "lib2to3/", "site-packages/")) for name in by_id)
    assert sum(map(len, by_id.values())) > 1_000_000


def test_stdlib_code_is_source_in_sorted_order() -> None:
    found = read(StdlibSource(kind="stdlib", content="code"))
    names = [document.id for document in found]
    assert names == sorted(names)
    assert "threading.py" in names
    assert "import" in next(document.text for document in found if document.id == "threading.py")
    assert not any(name.startswith("test/") or name.startswith("_sysconfigdata") for name in names)


def test_docstrings_are_those_that_python_reports() -> None:
    import argparse
    import inspect
    import threading

    for source in (argparse, threading):
        found = list(stdlib.docstrings(inspect.getsource(source)))
        classes = [value for _, value in inspect.getmembers(source, inspect.isclass) if value.__module__ == source.__name__]
        expected = {inspect.cleandoc(item.__doc__).strip() for item in [source, *classes] if item.__doc__}
        long = {text for text in expected if len(text) >= stdlib.SHORTEST}
        assert long
        assert long <= set(found)


def test_library_without_sources_is_unavailable_and_odd_files_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdlib, "LIBRARY", tmp_path)
    with pytest.raises(Unavailable, match="kind: stdlib"):
        list(stdlib.modules())
    (tmp_path / "broken.py").write_text(f'"""{LONG}"""\ndef (')
    (tmp_path / "binary.py").write_bytes(b"\xff\xff")
    (tmp_path / "fine.py").write_text(f'def f():\n    """{LONG}"""\n')
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "case.py").write_text("x = 1")
    assert [name for name, _, _ in stdlib.read_code()] == ["broken.py", "fine.py"]
    assert [found for found in stdlib.read_docs() if not found[0].startswith("topics/")] == [("fine.py", "fine", LONG.strip())]


# -- parts -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=30), st.floats(0, 0.99))
@settings(max_examples=25)
def test_parts_are_disjoint_and_cover_everything(tmp_path_factory: pytest.TempPathFactory, texts: list[str], share: float) -> None:
    path = tmp_path_factory.mktemp("parts") / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    source = table(path, "jsonl", heldout=share)
    train, heldout = (list(documents(source, part, 0)) for part in ("train", "heldout"))
    assert sorted([*train, *heldout], key=lambda document: int(document.id)) == read(source)
    assert not {document.text for document in train} & {document.text for document in heldout}


def test_heldout_share_is_kept_and_grows_by_inclusion() -> None:
    texts = [f"document {number}" for number in range(4000)]
    tenth, half = ({text for text in texts if is_heldout(text, share)} for share in (0.1, 0.5))
    assert 0.08 < len(tenth) / 4000 < 0.12
    assert 0.46 < len(half) / 4000 < 0.54
    assert tenth < half
    assert not any(is_heldout(text, 0.0) for text in texts)
    assert is_heldout("document 1", 0.5) == (int(text_digest("document 1", 64), 16) / 16**64 < 0.5)


# -- genuine data ----------------------------------------------------------------------------------------------------


@needs_mirror
@pytest.mark.parametrize(("name", "first"), [("TDEC", "11499"), ("CC", "208013"), ("Git", "19955")])
def test_authors_rows_in_their_order(name: Any, first: str) -> None:
    found = read(AuthorsSource(kind="authors", name=name))
    assert len(found) == 1000
    assert (found[0].id, found[0].source) == (first, name)


@needs_mirror
@pytest.mark.parametrize(("name", "count"), [("wikitext2_test", 60), ("wikitext2_valid", 60), ("cia_factbook", 261)])
def test_documents_of_real_files_are_articles(name: str, count: int) -> None:
    assert len(read(FilesSource(kind="files", paths=[f"mirror:text/{name}.txt.xz"]))) == count
