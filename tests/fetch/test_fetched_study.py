"""What study ``paper`` fetches, by the commands of its rules, from a hub on this machine; exit codes of a hub that fails; the lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_study import dataset_repositories, model_repository, pinned_models
from loopback_hub import Fault, LoopbackHub, serving

from gap.core.errors import BadInput, Refused
from gap.core.files import read_json, read_jsonl, write_json
from gap.fetch.lock import write_lock

ROOT = Path(__file__).resolve().parents[2]
OPT = "facebook/opt-350m"
MIRROR = os.environ.get("GAP_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is not set: no items and no OPT tokenizer to serve")
#: All commands of a process: importing the libraries takes the time.
COMMANDS = """
import json, sys
from gap.cli.main import main
for arguments in json.load(sys.stdin):
    sys.argv = ["gap", *arguments]
    try:
        main()
    except SystemExit as end:
        print(end.code or 0)
    else:
        print(0)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    mirror, folder = Path(MIRROR or ""), tmp_path_factory.mktemp("hub")
    revision = pinned_models(ROOT / "params.yaml", "paper")[OPT]
    with serving(
        [model_repository(OPT, revision, mirror, folder / "opt", 64), *dataset_repositories(mirror, folder / "sets", 30)]
    ) as running:
        yield running


def gap(hub: LoopbackHub, folder: Path, *commands: list[str]) -> tuple[list[int], str]:
    """Exit codes of the commands, run one after the other in ``folder``, and what they said on stderr."""
    hidden = ("HF_", "HUGGING", "TRANSFORMERS")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(hidden) and "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()], done.stderr


def item_command(task: str, split: str = "validation", out: str = "") -> list[str]:
    job = {"task": task, "split": split, "items": {"kind": "hub", "path": None}}
    return ["fetch-items", "--job", json.dumps(job), "--out", out or f"items/{task}/{split}.jsonl"]


def tokenizer_command() -> list[str]:
    settings = {"kind": "hub", "id": OPT, "revision": pinned_models(ROOT / "params.yaml", "paper")[OPT]}
    return ["tokenizer", "--job", json.dumps({"name": "opt", "tokenizer": settings, "seed": 0}), "--out", "tokenizer"]


def model_command() -> list[str]:
    settings = {"kind": "hub", "tokenizer": "opt", "id": OPT, "revision": pinned_models(ROOT / "params.yaml", "paper")[OPT]}
    job = json.dumps({"name": "opt-350m", "model": settings, "seed": 0})
    return ["model", "--job", job, "--tokenizer", "tokenizer", "--out", "model", "--device", "cpu"]


@needs_mirror
@pytest.mark.slow
def test_what_the_papers_study_fetches_from_a_hub(hub: LoopbackHub, tmp_path: Path) -> None:
    sets = [("piqa", "validation"), ("hellaswag", "validation"), ("arc_easy", "test"), ("arc_challenge", "validation"), ("copa", "validation"),
            ("winogrande", "validation"), ("math_qa", "test"), ("pubmed_qa", "validation")]  # fmt: skip
    outputs = ["model/provenance.json", "tokenizer/tokenizer.json", *(f"items/{task}/{split}.jsonl" for task, split in sets)]
    lock = ["lock-fetched", *outputs, "--out", "lock.json"]
    codes, said = gap(hub, tmp_path, *(item_command(*each) for each in sets), tokenizer_command(), model_command(), lock)
    assert codes == [0] * 11, said
    assert {task: len(read_jsonl(tmp_path / f"items/{task}/{split}.jsonl")) for task, split in sets[:-1]} == dict.fromkeys(
        dict(sets[:-1]), 30
    )
    locked = read_json(tmp_path / "lock.json")
    [origin] = locked["models"]["opt-350m"]["fetched"]
    served = hub.repositories["models", OPT].files
    assert origin["licence"] == "other" and origin["files"] == {name: served[name].sha256 for name in origin["files"]}
    assert {"config.json", "pytorch_model.bin", "vocab.json", "merges.txt"} < set(origin["files"])
    assert locked["tokenizers"]["opt"]["fetched"][0]["revision"] == origin["revision"]
    licences = {name.partition("/")[0]: entry["fetched"][0]["licence"] for name, entry in locked["items"].items()}
    assert (licences["arc_easy"], licences["hellaswag"], licences["math_qa"], licences["pubmed_qa"]) == (
        "cc-by-sa-4.0",
        "mit",
        None,
        "apache-2.0",
    )
    assert read_json(tmp_path / "model/config.json")["do_layer_norm_before"] is False
    assert [request.server for request in hub.requests if request.path.endswith(".parquet") and request.method == "GET"] == ["storage"] * 7


@needs_mirror
@pytest.mark.parametrize(
    ("fault", "code", "parts"),
    [
        (Fault("/piqa_validation.parquet", changed=True), 4, ["file piqa_validation.parquet", "the hub lists"]),
        (Fault("/piqa_validation.parquet", method="HEAD", status=401, headers={"X-Error-Code": "GatedRepo"}), 3, ["gated", "HF_TOKEN"]),
        (
            Fault("/piqa_validation.parquet", method="HEAD", status=404, headers={"X-Error-Code": "RevisionNotFound"}),
            3,
            ["no such revision"],
        ),
        (Fault("/piqa_validation.parquet", method="HEAD", status=403), 3, ["refuses access", "(403)"]),
    ],
)
def test_a_command_that_the_hub_fails_ends_in_one_paragraph_and_no_file(
    hub: LoopbackHub, tmp_path: Path, fault: Fault, code: int, parts: list[str]
) -> None:
    hub.faults = [fault]
    codes, said = gap(hub, tmp_path, item_command("piqa"))
    [paragraph] = [line for line in said.splitlines() if line.startswith("gap: ")]
    assert codes == [code]
    for part in ("data set baber/piqa at 142f6d7367fd9877f0fb3b5734ea6a545f54cdd1", *parts):
        assert part in paragraph
    assert said.rstrip().endswith(paragraph) and not (tmp_path / "items").exists()


def record(folder: Path, sha256: str, revision: str = "a" * 40) -> Path:
    origin = {"kind": "dataset", "id": "some/set", "revision": revision, "licence": None, "files": {"x.parquet": sha256}}
    facts: dict[str, Any] = {"stage": "fetch-items", "settings": {"task": "piqa", "split": "test"}, "rows": 3, "sha256": "0" * 64}
    write_json(folder / "test.provenance.json", {**facts, "fetched": [origin], "seconds": 1.0})
    return folder / "test.jsonl"


def test_the_lock_refuses_a_file_that_has_changed_and_keeps_the_former_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    write_lock([record(tmp_path, "1" * 64)], lock)
    entry = read_json(lock)["items"]["piqa/test"]
    assert (entry["rows"], entry["sha256"], set(entry)) == (3, "0" * 64, {"rows", "sha256", "fetched"})
    with pytest.raises(Refused, match=r"dataset some/set at a{40}, file x\.parquet: SHA-256 2{64}.*1{64}.*remove .*lock\.json"):
        write_lock([record(tmp_path, "2" * 64)], lock)
    assert read_json(lock)["items"]["piqa/test"] == entry
    write_lock([record(tmp_path, "2" * 64, revision="b" * 40)], lock)
    assert read_json(lock)["items"]["piqa/test"]["fetched"][0]["revision"] == "b" * 40


@pytest.mark.parametrize(
    "content",
    [{}, {"stage": "evaluate"}, {"stage": "fetch-items", "settings": {}}, {"stage": "models", "settings": {"name": "m"}, "fetched": [{}]}],
)
def test_a_record_or_a_lock_that_is_none_is_named(tmp_path: Path, content: dict[str, Any]) -> None:
    write_json(tmp_path / "test.provenance.json", content)
    with pytest.raises(BadInput, match=r"test\.provenance\.json: not the record of what was fetched.*'fetch-items'"):
        write_lock([tmp_path / "test.jsonl"], tmp_path / "lock.json")
    assert not (tmp_path / "lock.json").exists()
    write_json(tmp_path / "lock.json", {"items": {"piqa/test": content}} if content else {"items": []})
    with pytest.raises(BadInput, match=r"lock\.json: not a lock of what was fetched.*git checkout"):
        write_lock([record(tmp_path, "1" * 64)], tmp_path / "lock.json")


def test_what_has_no_record_is_listed(tmp_path: Path) -> None:
    write_lock([tmp_path / "old/tokenizer.json"], tmp_path / "lock.json")
    assert read_json(tmp_path / "lock.json")["unrecorded"] == [(tmp_path / "old/tokenizer.json").as_posix()]
