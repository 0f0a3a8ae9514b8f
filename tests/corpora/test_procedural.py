"""Procedural sources: documents that seed and settings determine, and the corpora of docs/extending.md made by `gap corpus`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.locations import mirror
from gap.core.tables import read_table
from gap.corpora.documents import documents
from gap.corpora.sample import sample_corpus
from gap.params.corpora import Corpus, CorpusJob
from gap.params.sources import ProceduralSource

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/extending.md").read_text(encoding="utf-8"), re.DOTALL)
SHIPPED: dict[str, Any] = next(block for block in map(yaml.safe_load, BLOCKS) if "sources" in block)
COPY = {"kind": "copy", "alphabet": "abcdefgh", "shortest": 2, "longest": 9}


def source(generator: dict[str, Any] = COPY, documents: int = 30, lines: int = 40, **more: Any) -> ProceduralSource:
    return ProceduralSource.model_validate({"kind": "procedural", "generator": generator, "documents": documents, "lines": lines, **more})


def job(made: ProceduralSource, texts: int = 20, seed: int = 1, **corpus: Any) -> CorpusJob:
    return CorpusJob(name="made", corpus=Corpus(**{"source": "made", "window": 60, **corpus}), source=made, texts=texts, seed=seed)


def sampled(wanted: CorpusJob, tokenizer: Path, folder: Path) -> pd.DataFrame:
    sample_corpus(wanted, tokenizer, {}, folder / "made.parquet")
    return read_table(folder / "made.parquet", "texts")


# -- documents -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=20)
def test_more_documents_or_lines_leave_the_first_as_they_are(seed: int, few: int, more: int, lines: int) -> None:
    small = [document.text for document in documents(source(documents=few, lines=lines), "all", seed)]
    large = [document.text for document in documents(source(documents=few + more, lines=lines + more), "all", seed)]
    assert len(small) == few and len(large) == few + more
    assert [text.count("\n") for text in small] == [lines - 1] * few
    assert ["\n".join(text.split("\n")[:lines]) for text in large[:few]] == small


def test_seed_settings_and_number_decide() -> None:
    def read(seed: int = 1, **changes: Any) -> list[str]:
        return [document.text for document in documents(source(COPY | changes, documents=5), "all", seed)]

    assert read() == read()
    assert len({*read(), *read(2), *read(longest=10), *read(kind="reverse")}) == 20
    first = next(documents(source(), "all", 1))
    assert (first.id, first.source, first.title) == ("0", "procedural copy", "")


def test_another_process_makes_the_same_texts() -> None:
    code = (
        "import json, sys; from gap.corpora.documents import documents; from gap.params.sources import ProceduralSource; "
        "made = ProceduralSource.model_validate_json(sys.argv[1]); print(json.dumps([one.text for one in documents(made, 'all', 7)]))"
    )
    own = [document.text for document in documents(source(documents=3), "all", 7)]
    for salt in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code, source(documents=3).model_dump_json()],
            env=os.environ | {"PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == own


def test_parts_share_no_document() -> None:
    made = source(documents=60, heldout=0.3)
    train, heldout = ({document.id for document in documents(made, part, 1)} for part in ("train", "heldout"))
    assert train and heldout and not train & heldout and len(train | heldout) == 60


# -- windows ---------------------------------------------------------------------------------------------------------


def test_asking_for_more_texts_keeps_the_first(tokenizer: Path, tmp_path: Path) -> None:
    many = sampled(job(source(), 50), tokenizer, tmp_path)
    few = sampled(job(source(), 7), tokenizer, tmp_path)
    pd.testing.assert_frame_equal(few, many[:7])
    assert set(many["tokens"]) == {60} and many["string"].is_unique
    assert many["string"].tolist() != sampled(job(source(), 50, seed=2), tokenizer, tmp_path)["string"].tolist()


def test_few_symbols_are_near_duplicates_and_the_error_says_so(tokenizer: Path, tmp_path: Path) -> None:
    narrow = source(COPY | {"alphabet": "ab", "longest": 30}, lines=20)
    with pytest.raises(BadInput) as caught:
        sampled(job(narrow, 200, near_duplicates=0.2), tokenizer, tmp_path)
    counts = {
        name: int(number) for number, name in re.findall(r"(\d+) (documents|near repeats|repeats|of them shorter)", caught.value.found)
    }
    assert counts["documents"] == 30 and counts["of them shorter"] == 0 and counts["repeats"] == 0 and counts["near repeats"] > 20
    assert "raise near_duplicates, or raise the source's documents or lines" in caught.value.cure
    found = sampled(job(narrow, 60, near_duplicates=1.0), tokenizer, tmp_path)
    assert found["string"].is_unique


def test_too_short_documents_are_counted_as_such(tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"0 texts where 1 are asked for: 30 documents in part all \(heldout: 0.0\), 30 of them shorter than 60"
    ):
        sampled(job(source(lines=1), 1), tokenizer, tmp_path)


@pytest.mark.parametrize(
    "changes", [{"documents": 0}, {"lines": 0}, {"generator": {"kind": "copy"}}, {"generator": COPY | {"kind": "kopie"}}]
)
def test_a_source_that_makes_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        source(**changes)


# -- gap corpus ------------------------------------------------------------------------------------------------------


def made_by_the_command(name: str, tokenizer: Path, out: Path, texts: int) -> pd.DataFrame:
    corpus = SHIPPED["corpora"][name]
    text = json.dumps({"name": name, "corpus": corpus, "source": SHIPPED["sources"][corpus["source"]], "texts": texts, "seed": 2306})
    done = CliRunner().invoke(app, ["corpus", "--job", text, "--tokenizer", str(tokenizer), "--out", str(out)])
    assert done.exit_code == 0, (done.output, done.exception)
    return read_table(out, "texts")


@pytest.mark.parametrize("name", SHIPPED["corpora"])
def test_every_corpus_of_the_page_is_made_by_the_command(name: str, tokenizer: Path, tmp_path: Path) -> None:
    kind = SHIPPED["sources"][name]["generator"]["kind"]
    found = made_by_the_command(name, tokenizer, tmp_path / "texts.parquet", 100)
    assert set(found["tokens"]) == {200} and set(found["source"]) == {f"procedural {kind}"} and found["string"].is_unique
    whole = {document.id: document.text for document in documents(source(**kept(name)), "all", 2306)}
    assert all(text in whole[document] for text, document in zip(found["string"], found["document"], strict=True))
    counts = read_json(tmp_path / "texts.provenance.json")["counts"]
    assert counts["kept"] == 100 and counts["documents"] == 400
    # nothing is thrown away: every document gives a window, no window repeats another
    assert counts["visited"] == counts["windows"] == 100 and not {"short", "unclean", "dropped_exact", "dropped_near"} & set(counts)


def kept(name: str) -> dict[str, Any]:
    return {key: value for key, value in SHIPPED["sources"][name].items() if key != "kind"}


@pytest.mark.skipif(mirror() is None, reason="GAP_MIRROR is not set")
@pytest.mark.parametrize("name", SHIPPED["corpora"])
def test_opts_tokenizer_cuts_them_as_well(name: str, tmp_path: Path) -> None:
    from gap.params.tokenizers import TokenizerFiles, TokenizerJob
    from gap.pretrain.build_tokenizer import build_tokenizer

    build_tokenizer(TokenizerJob(name="opt", tokenizer=TokenizerFiles(kind="files", path="mirror:tokenizer/opt"), seed=0), tmp_path / "opt")
    found = made_by_the_command(name, tmp_path / "opt", tmp_path / "texts.parquet", 100)
    assert set(found["tokens"]) == {200}
    assert read_json(tmp_path / "texts.provenance.json")["counts"]["visited"] == 100
