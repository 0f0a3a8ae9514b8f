"""Runs of 13 words shared between texts and evaluation items, and the two commands of this stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gap.cli.corpora import corpus, overlap
from gap.cli.job import item_files
from gap.core.digest import text_digest
from gap.core.errors import BadInput
from gap.core.files import read_json, write_jsonl
from gap.core.tables import read_table, write_table
from gap.corpora.overlap import NGRAM, ngrams, overlap_report, words
from gap.params.sources import TableSource

POEM = "the quick brown fox jumps over the lazy dog while the small cat sleeps under an old apple tree"


def texts_file(path: Path, corpus: str, strings: list[str]) -> Path:
    frame = pd.DataFrame({"corpus": corpus, "text": range(len(strings)), "string": strings, "tokens": 1, "source": "s", "document": "d"})
    write_table(frame.assign(hash=[text_digest(string) for string in strings]), path, "texts")
    return path


def test_words_ignore_case_and_punctuation() -> None:
    assert words("It's a “Well-known” FACT: snake_case — 3.5%!\n") == ["its", "a", "wellknown", "fact", "snakecase", "35"]


@given(st.lists(st.sampled_from("ab"), max_size=40))
@settings(max_examples=40)
def test_runs_are_all_windows_of_13_words(parts: list[str]) -> None:
    expected = [" ".join(parts[start : start + 13]) for start in range(len(parts)) if len(parts[start : start + 13]) == 13]
    assert list(ngrams(" ".join(parts))) == expected


def test_report_names_texts_tasks_and_short_items(tmp_path: Path) -> None:
    prose = texts_file(tmp_path / "prose.parquet", "prose", ["nothing here", f"Well: {POEM.upper()}!", POEM[4:], "nothing " * 20])
    code = texts_file(tmp_path / "code.parquet", "code", ["x = 1\n" * 30])
    piqa, chat = tmp_path / "piqa.jsonl", tmp_path / "chat.jsonl"
    split = POEM.split()
    items = [
        {"goal": "too short", "sol1": "a", "sol2": "b", "label": 0},
        {"goal": " ".join(split[:7]), "sol1": "wrong", "sol2": " ".join(split[7:14]), "label": 1},
        {"goal": " ".join(split[:7]), "sol1": " ".join(split[7:14]), "sol2": "right " * 9, "label": 1},
    ]
    write_jsonl(piqa, items)
    turns = ["unrelated words that nobody ever wrote", "another turn with enough words to be seen by the check"]
    write_jsonl(chat, [{"index": 0, "text": turns}, {"index": 1, "text": ["hello", POEM]}])
    out = tmp_path / "overlap.json"
    overlap_report([prose, code], {"piqa": {"validation": piqa}, "blended_skill_talk": {"test": chat}}, out)
    found = read_json(out)
    assert found["words"] == NGRAM == 13
    assert found["tasks"] == {
        "piqa": {"validation": {"items": 3, "too_short": 1}},
        "blended_skill_talk": {"test": {"items": 2, "too_short": 0}},
    }
    first, second = found["corpora"]
    assert (first["name"], first["texts"], first["overlapping"], first["indices"]) == ("prose", 4, 2, [1, 2])
    assert first["tasks"] == {"piqa": [1, 2], "blended_skill_talk": [1, 2]}
    assert {"text": 1, "task": "piqa", "split": "validation", "item": 1, "words": " ".join(split[:13])} in first["matches"]
    assert {"text": 2, "task": "piqa", "split": "validation", "item": 1, "words": " ".join(split[1:14])} in first["matches"]
    assert [match["item"] for match in first["matches"] if match["task"] == "piqa"] == [1, 1]
    assert (second["name"], second["texts"], second["overlapping"], second["matches"]) == ("code", 1, 0, [])


def test_report_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="absent"):
        overlap_report([tmp_path / "absent.parquet"], {}, tmp_path / "out.json")
    texts = texts_file(tmp_path / "a.parquet", "a", ["b"])
    with pytest.raises(BadInput, match=r"no\.jsonl"):
        overlap_report([texts], {"piqa": {"validation": tmp_path / "no.jsonl"}}, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


# -- commands --------------------------------------------------------------------------------------------------------


def corpus_job(source: TableSource, **more: Any) -> str:
    wanted = {"name": "essays", "corpus": {"source": "here", "window": 60, **more}, "source": source.model_dump(mode="json")}
    return json.dumps({**wanted, "texts": 5, "seed": 1})


def test_commands_run_without_the_model_libraries(essays: TableSource, tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(corpus_job(essays))
    write_jsonl(tmp_path / "copa.jsonl", [{"premise": "a", "choice1": "b", "choice2": "c", "question": "cause", "idx": 0, "label": 1}])
    code = f"""
import sys
from pathlib import Path
from gap.cli.corpora import corpus, overlap
folder = Path({str(tmp_path)!r})
corpus(job="@" + str(folder / "job.json"), tokenizer=Path({str(tokenizer)!r}), out=folder / "texts-0005.parquet")
overlap(texts=[folder / "texts-0005.parquet"], items=["copa/validation=" + str(folder / "copa.jsonl")], out=folder / "overlap.json")
print(sorted({{"torch", "transformers", "datasets", "huggingface_hub", "scipy"}} & set(sys.modules)))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert len(read_table(tmp_path / "texts-0005.parquet", "texts")) == 5
    assert (tmp_path / "texts-0005.provenance.json").exists()
    assert read_json(tmp_path / "overlap.json")["tasks"]["copa"]["validation"] == {"items": 1, "too_short": 1}


def test_item_entries() -> None:
    found = item_files(["piqa=a.jsonl", "arc_easy/test=b=c.jsonl", "arc_easy/validation=d.jsonl"])
    assert found == {"piqa": {"validation": Path("a.jsonl")}, "arc_easy": {"test": Path("b=c.jsonl"), "validation": Path("d.jsonl")}}
    for entry in (["piqa"], ["piqa="], ["nope=a.jsonl"], ["piqa=a", "piqa/validation=b"], ["piqa=a", "piqa=a"]):
        with pytest.raises(BadInput):
            item_files(entry)


def test_command_line_takes_several_corpora_and_leaves_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b", "c"):
        texts_file(Path(f"{name}.parquet"), name, ["text"])
    write_jsonl(Path("copa.jsonl"), [{"premise": "a", "choice1": "b", "choice2": "c", "question": "cause", "idx": 0, "label": 1}])
    record = Path("results/demo/provenance/overlap-0123456789ab.json")
    app = typer.Typer()
    app.command("corpus")(corpus)
    app.command("overlap")(overlap)
    options = [
        "--record",
        str(record),
        "--texts",
        "a.parquet",
        "b.parquet",
        "c.parquet",
        "--items=copa/validation=copa.jsonl",
        "--out",
        "o.json",
    ]
    done = CliRunner().invoke(app, ["overlap", *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert [entry["name"] for entry in read_json(Path("o.json"))["corpora"]] == ["a", "b", "c"]
    assert read_json(record) == {"stage": "overlap", "key": "0123456789ab"}
    repeated = ["--texts", "a.parquet", "--texts", "b.parquet", "--items", "copa=copa.jsonl", "--out", "o.json"]
    assert CliRunner().invoke(app, ["overlap", *repeated]).exit_code == 0
    assert len(read_json(Path("o.json"))["corpora"]) == 2
