"""Wrong input through the command line: one paragraph on stderr, the documented exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent
SOURCE = {"heldout": 0.0}
CORPUS = {"source": "s", "part": "all", "window": 8, "near_duplicates": 1.0, "overlap": "report"}


def gap(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | variables
    return subprocess.run(["gap", *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=1200)


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("gap: ") and all(word in last for word in words), last


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "t.txt").write_text("one two three four five six seven eight nine ten\n\n" * 50)
    job = {
        "name": "t",
        "tokenizer": {"kind": "train", "mixture": {"s": 1.0}, "vocab_size": 280, "max_bytes": 1000},
        "sources": {"s": SOURCE | {"kind": "files", "paths": ["t.txt"]}},
        "seed": 1,
    }
    done = gap("tokenizer", "--job", json.dumps(job), "--out", "bpe", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "bpe"


def sample(folder: Path, tokenizer: Path, source: dict[str, Any], texts: int = 2) -> subprocess.CompletedProcess[str]:
    job = {"name": "c", "corpus": CORPUS, "source": SOURCE | source, "texts": texts, "seed": 1}
    done = gap("corpus", "--job", json.dumps(job), "--tokenizer", str(tokenizer), "--out", "out/texts.parquet", cwd=folder)
    assert done.returncode == 0 or not (folder / "out/texts.parquet").exists()
    return done


@pytest.mark.parametrize(
    ("name", "content", "source", "words"),
    [
        ("absent.txt", None, {"kind": "files", "paths": ["absent.txt"]}, ["absent.txt", "existing"]),
        ("empty.txt", b"", {"kind": "files", "paths": ["empty.txt"]}, ["empty.txt"]),
        ("latin.txt", b"caf\xe9 and more words\n", {"kind": "files", "paths": ["latin.txt"]}, ["latin.txt", "UTF-8"]),
        ("a.csv", b"id,body\n1,hello\n", {"kind": "csv", "path": "a.csv", "column": "text"}, ["a.csv", "text", "body"]),
        ("a.jsonl", b'{"body": "x"}\n', {"kind": "jsonl", "path": "a.jsonl", "column": "text"}, ["a.jsonl", "text"]),
        ("few.txt", b"one two three four five six seven eight nine ten\n", {"kind": "files", "paths": ["few.txt"]}, ["2"]),
    ],
)
def test_corpus_files(tmp_path: Path, tokenizer: Path, name: str, content: bytes | None, source: dict, words: list[str]) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused(sample(tmp_path, tokenizer, source), 2, *words)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "idx": 0, "label": 7}, ["label", "7", "line 2"]),
        ({"premise": "p", "choice1": "a", "question": "cause", "idx": 0, "label": 0}, ["choice2", "line 2"]),
    ],
)
def test_task_files(tmp_path: Path, row: dict, words: list[str]) -> None:
    good = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "idx": 0, "label": 0}
    place = tmp_path / "super_glue/copa/validation.jsonl"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(good) + "\n" + json.dumps(row) + "\n")
    job = {"task": "copa", "split": "validation", "items": {"kind": "folder", "path": str(tmp_path)}}
    refused(gap("fetch-items", "--job", json.dumps(job), "--out", "out.jsonl", cwd=tmp_path), 2, *words)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(("weights", "words"), [(None, ["weights"]), (b"\x10\x00\x00\x00\x00\x00\x00\x00garbage", ["model.safetensors"])])
def test_model_folders(tmp_path: Path, tokenizer: Path, weights: bytes | None, words: list[str]) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    config = {"model_type": "opt", "architectures": ["OPTForCausalLM"], "hidden_size": 16, "num_hidden_layers": 1, "ffn_dim": 32}
    (folder / "config.json").write_text(
        json.dumps(config | {"num_attention_heads": 2, "vocab_size": 280, "max_position_embeddings": 64, "word_embed_proj_dim": 16})
    )
    if weights is not None:
        (folder / "model.safetensors").write_bytes(weights)
    job = {"name": "m", "model": {"kind": "local", "path": str(folder), "tokenizer": "t"}, "seed": 1}
    done = gap("model", "--job", json.dumps(job), "--tokenizer", str(tokenizer), "--out", "out", "--device", "cpu", cwd=tmp_path)
    refused(done, 2, *words)
    assert not (tmp_path / "out/provenance.json").exists()


def test_a_hub_that_cannot_be_reached(tmp_path: Path) -> None:
    # the hub's client waits half a minute between its tries
    (tmp_path / "sitecustomize.py").write_text("import time\n\ntime.sleep = lambda seconds: None\n")
    job = {"task": "piqa", "split": "validation", "items": {"kind": "hub"}}
    done = gap(
        "fetch-items",
        "--job",
        json.dumps(job),
        "--out",
        "out.jsonl",
        cwd=tmp_path,
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_HUB_OFFLINE="0",
        HF_HOME=str(tmp_path),
        PYTHONPATH=os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]),
    )
    refused(done, 3, "baber/piqa")


def test_a_mirror_that_is_not_configured(tmp_path: Path, tokenizer: Path) -> None:
    job = {"name": "c", "corpus": CORPUS, "source": SOURCE | {"kind": "files", "paths": ["mirror:text/a.txt"]}, "texts": 1, "seed": 1}
    done = gap("corpus", "--job", json.dumps(job), "--tokenizer", str(tokenizer), "--out", "o.parquet", cwd=tmp_path, GAP_MIRROR="")
    refused(done, 3, "GAP_MIRROR")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_no_space_left(small_disk: Path) -> None:
    (small_disk / "kept.txt").write_text("k" * 57_000)
    job = {"task": "wizard_of_wikipedia", "split": "validation", "items": {"kind": "miniature"}}
    refused(
        gap("fetch-items", "--job", json.dumps(job), "--out", "items.jsonl", cwd=small_disk),
        3,
        "items.jsonl",
        "No space left",
        "finished work is kept",
    )
    assert (small_disk / "kept.txt").read_text() == "k" * 57_000
    assert not (small_disk / "items.jsonl").exists()


def test_no_space_left_for_the_log_either(small_disk: Path) -> None:
    """As in a rule: stderr is a log, and here the log is on the full disk."""
    (small_disk / "kept.txt").write_text("k" * 65_536)
    job = {"task": "wizard_of_wikipedia", "split": "validation", "items": {"kind": "miniature"}}
    command = ["bash", "-c", 'gap fetch-items --job "$1" --out items.jsonl 2> log', "bash", json.dumps(job)]
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=small_disk, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 3, (done.stdout, done.stderr)
    [said] = done.stdout.strip().split("\n")
    assert said.startswith("gap: items.jsonl: could not be written (No space left on device)") and "finished work is kept" in said
    assert (small_disk / "log").read_text() == ""
