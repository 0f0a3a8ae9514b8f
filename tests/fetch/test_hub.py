"""Hub access against a hub on this machine, its faults, a closed port, and offline.

The hub's libraries read their address when they are imported, so each case runs in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loopback_hub import Fault, File, LoopbackHub, Repository, serving

from gap.core.errors import BadInput
from gap.fetch.hub import MODEL_FILES, choose

COMMIT = "a" * 40
ROWS = [{"text": f"row {number}", "meta": {"pile_set_name": "Github" if number % 2 else "Pile-CC"}} for number in range(6)]
WEIGHTS = bytes(range(256)) * 64
FILES = {
    "README.md": b"---\nlicense: other\n---\n# Thing\n",
    "config.json": b'{"model_type": "opt"}',
    "merges.txt": b"#version: 0.2\n",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"B" * 80,
    "flax_model.msgpack": b"F" * 10,
    "onnx/config.json": b"{}",
}
WANTED = ["config.json", "merges.txt", "model.safetensors"]
# waiting between tries is cut out, and noted; the tries are made
START = (
    "import time; waited = []; time.sleep = waited.append\nimport json\nfrom dataclasses import asdict\n"
    "from pathlib import Path\nfrom gap.core.errors import GapError\n"
)


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    def files(contents: dict[str, bytes]) -> dict[str, File]:
        return {name: File(content) for name, content in contents.items()}

    lines = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
    card = b"---\nlicense:\n- mit\n- cc-by-4.0\n---\n"
    model = Repository("models", "some/thing", COMMIT, files(FILES))
    with serving(
        [
            model,
            replace(model, id="some/gated", gated=True),
            replace(model, id="some/cardless", files={name: File(FILES[name]) for name in WANTED}),
            Repository("datasets", "some/lines", COMMIT, files({"train.jsonl": lines, "README.md": card})),
            Repository("datasets", "some/rows", COMMIT, files({"data/train-00000-of-00001.parquet": parquet(ROWS), "README.md": card})),
        ]
    ) as running:
        yield running


def run(code: str, folder: Path, endpoint: str, **more: str) -> Any:
    """What ``code`` prints last, as JSON, with the hub at ``endpoint`` and an empty cache under ``folder``."""
    hidden = ("HF_", "HUGGING", "GAP_", "TRANSFORMERS")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(hidden) and "proxy" not in name.lower()}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1", **more}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, env=environment, cwd=folder, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MODEL = """
from gap.fetch.hub import model_files
def fetched(id, folder, revision="a" * 40, **more):
    try:
        return asdict(model_files(id, revision, Path(folder), **more))
    except GapError as error:
        return [type(error).__name__, str(error)]
"""
ROWS_OF = """
from gap.fetch.hub import dataset_rows, parquet_rows
from gap.params.sources import HubSource
def rows(dataset="some/lines", **more):
    source = HubSource(kind="hub", dataset=dataset, revision="a" * 40, **more)
    try:
        return list(dataset_rows(source))
    except GapError as error:
        return [type(error).__name__, str(error)]
def table(dataset="some/rows", file="data/train-00000-of-00001.parquet", revision="a" * 40):
    try:
        rows, origin = parquet_rows(dataset, file, revision)
        return [rows, asdict(origin)]
    except GapError as error:
        return [type(error).__name__, str(error)]
"""


def held(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def whole(folder: Path) -> dict[str, bytes]:
    """Files of a download, without the library's notes on it."""
    return {name: content for name, content in held(folder).items() if not name.startswith(".cache/")}


def test_model_files_arrive_whole_with_safetensors_alone(hub: LoopbackHub, tmp_path: Path) -> None:
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out'), fetched('some/cardless', 'out2'), fetched('no/such', 'out3')]))"
    origin, cardless, absent = run(code, tmp_path, hub.endpoint)
    hashes = {name: hashlib.sha256(FILES[name]).hexdigest() for name in WANTED}
    assert origin == {"kind": "model", "id": "some/thing", "revision": COMMIT, "licence": "other", "files": hashes}
    assert cardless["licence"] is None and cardless["files"] == hashes
    assert held(tmp_path / "out") == {name: FILES[name] for name in WANTED}
    assert absent[0] == "Unavailable"
    for part in (f"model no/such at {COMMIT}", "no such repository", "(401)", "HF_TOKEN"):
        assert part in absent[1]


def test_large_files_come_from_another_host_which_is_not_told_the_token(hub: LoopbackHub, tmp_path: Path) -> None:
    run(MODEL + "print(json.dumps(fetched('some/thing', 'out')))", tmp_path, hub.endpoint, HF_TOKEN="hf_secret")
    assert hub.paths("storage") == ["/models/some/thing/model.safetensors"]
    told = {request.server: request.authorization for request in hub.requests}
    assert told == {"hub": "Bearer hf_secret", "storage": None}


def test_model_files_offline_come_from_the_cache_or_not_at_all(hub: LoopbackHub, tmp_path: Path) -> None:
    fill = "from huggingface_hub import snapshot_download; snapshot_download('some/thing', revision='a' * 40); print(1)"
    assert run(fill, tmp_path, hub.endpoint) == 1
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out', patterns=('*.txt',)), fetched('other/thing', 'out2')]))"
    origin, absent = run(code, tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert list(origin["files"]) == ["merges.txt"] and origin["licence"] == "other"
    assert (tmp_path / "out/merges.txt").read_bytes() == FILES["merges.txt"]
    assert not (tmp_path / "out/merges.txt").is_symlink()
    assert absent[0] == "Unavailable"


def test_model_files_without_network(tmp_path: Path) -> None:
    kind, message = run(MODEL + "print(json.dumps(fetched('some/thing', 'out')))", tmp_path, "http://127.0.0.1:9")
    assert kind == "Unavailable"
    for part in ("some/thing", COMMIT, "HF_HUB_OFFLINE", "kind: local"):
        assert part in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("id", "revision", "parts"),
    [
        ("some/thing", "b" * 40, ["model some/thing at bbbb", "no such revision", "(404)", "page lists"]),
        ("some/gated", COMMIT, ["model some/gated at aaaa", "file config.json", "gated", "(401)", "HF_TOKEN"]),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_paragraph(hub: LoopbackHub, tmp_path: Path, id: str, revision: str, parts: list[str]) -> None:
    kind, message = run(MODEL + f"print(json.dumps(fetched({id!r}, 'out', {revision!r})))", tmp_path, hub.endpoint)
    assert kind == "Unavailable" and "\n" not in message
    assert [part for part in parts if part not in message] == []
    assert whole(tmp_path / "out") == {}


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_file_of_another_hash_is_refused_and_not_kept(hub: LoopbackHub, tmp_path: Path, file: str) -> None:
    hub.faults = [Fault(path=f"/{file}", changed=True)]
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out'), fetched('some/thing', 'out')]))"
    (kind, message), again = run(code, tmp_path, hub.endpoint)
    assert kind == "Refused" and "\n" not in message
    for part in (f"model some/thing at {COMMIT}, file {file}", "the hub lists", "start again"):
        assert part in message
    assert list(again["files"]) == WANTED and held(tmp_path / "out") == {name: FILES[name] for name in WANTED}


BIG = bytes(1 << 20) * 11
#: Bytes that the library writes at a time: what it goes on from.
BLOCK = 10 << 20


def test_a_connection_that_ends_early_is_gone_on_from_or_repeated(hub: LoopbackHub, tmp_path: Path) -> None:
    repository = hub.repositories["models", "some/thing"]
    hub.repositories["models", "some/thing"] = replace(repository, files=repository.files | {"model.safetensors": File(BIG)})
    hub.faults = [
        Fault(path="/config.json", after=3),
        Fault(path="/merges.txt", after=3, reset=True),
        Fault(path="/model.safetensors", after=BLOCK + 5),
    ]
    origin = run(MODEL + "print(json.dumps(fetched('some/thing', 'out')))", tmp_path, hub.endpoint)
    assert held(tmp_path / "out") == {name: FILES[name] for name in WANTED} | {"model.safetensors": BIG}
    assert origin["files"]["model.safetensors"] == hashlib.sha256(BIG).hexdigest()
    asked = [(request.path.rpartition("/")[2], request.range) for request in hub.requests if request.method == "GET"]
    for file, ranges in {"config.json": [None, None], "merges.txt": [None, None], "model.safetensors": [None, f"bytes={BLOCK}-"]}.items():
        assert [range for name, range in asked if name == file] == ranges


def test_a_connection_that_always_breaks_is_given_up_and_leaves_nothing_half_written(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults = [Fault(path="/model.safetensors", after=3, reset=True, times=99)]
    kind, message = run(MODEL + "print(json.dumps(fetched('some/thing', 'out')))", tmp_path, hub.endpoint)
    assert kind == "Unavailable" and "\n" not in message
    assert f"model some/thing at {COMMIT}, file model.safetensors" in message and "HF_HUB_OFFLINE" in message
    assert len(hub.paths("storage")) == 3
    assert whole(tmp_path / "out") == {name: FILES[name] for name in WANTED[:2]}
    assert not list(tmp_path.rglob("*.incomplete"))


def test_the_hub_is_asked_again_when_it_says_and_no_sooner(hub: LoopbackHub, tmp_path: Path) -> None:
    slow = {"status": 429, "headers": {"Retry-After": "77"}}
    hub.faults = [
        Fault(path="/tree/", **slow),
        Fault(path="/config.json", method="HEAD", times=2, **slow),
        Fault(path="/model.safetensors", **slow),
    ]
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out'), [seconds for seconds in waited if seconds > 1]]))"
    origin, waited = run(code, tmp_path, hub.endpoint)
    assert list(origin["files"]) == WANTED
    assert waited == [78.0] * 3


def test_a_hub_that_stays_busy_is_said_so(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults = [Fault(path="/tree/", status=429, times=99, headers={"Retry-After": "7"})]
    kind, message = run(MODEL + "print(json.dumps(fetched('some/thing', 'out')))", tmp_path, hub.endpoint)
    assert kind == "Unavailable" and "\n" not in message
    for part in (f"model some/thing at {COMMIT}", "too many requests", "(429)", "HF_TOKEN"):
        assert part in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("dataset", "split"), [("some/lines", "train"), ("some/rows", "train")])
def test_dataset_rows_are_streamed_and_filtered(hub: LoopbackHub, tmp_path: Path, dataset: str, split: str) -> None:
    code = ROWS_OF + (
        f"d, s = {dataset!r}, {split!r}\n"
        "print(json.dumps([rows(d, split=s), rows(d, where={'meta.pile_set_name': 'Github'}), rows(d, where={'meta.set': 'Github'}),"
        " rows(d, split='absent'), rows(d, config='absent'), sorted({'torch', 'transformers'} & set(sys.modules))]))"
    )
    everything, github, column, absent, config, heavy = run("import sys\n" + code, tmp_path, hub.endpoint)
    assert everything == ROWS
    assert heavy == []
    assert github == ROWS[1::2]
    assert column[0] == "BadInput"
    assert "['pile_set_name']" in column[1]
    assert [absent[0], config[0]] == ["BadInput", "BadInput"]


def test_dataset_rows_without_network(tmp_path: Path) -> None:
    kind, message = run(ROWS_OF + "print(json.dumps(rows()))", tmp_path, "http://127.0.0.1:9")
    assert kind == "Unavailable"
    for part in ("some/lines", COMMIT, "HF_HUB_OFFLINE", "kind files"):
        assert part in message
    assert "\n" not in message


def test_a_parquet_file_is_read_at_its_revision_and_kept_for_offline_use(hub: LoopbackHub, tmp_path: Path) -> None:
    rows, origin = run(ROWS_OF + "print(json.dumps(table()))", tmp_path, hub.endpoint)
    file = hub.repositories["datasets", "some/rows"].files["data/train-00000-of-00001.parquet"]
    assert rows == ROWS
    files = {"data/train-00000-of-00001.parquet": file.sha256}
    assert origin == {"kind": "dataset", "id": "some/rows", "revision": COMMIT, "licence": "mit, cc-by-4.0", "files": files}
    assert run(ROWS_OF + "print(json.dumps(table()))", tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1") == [rows, origin]


def test_a_parquet_file_that_is_missing_or_changed(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.faults = [Fault(path="/data/train-00000-of-00001.parquet", changed=True)]
    code = ROWS_OF + "print(json.dumps([table(), table(), table(file='data/test.parquet'), table(revision='b' * 40), table('no/such')]))"
    changed, again, file, revision, repository = run(code, tmp_path, hub.endpoint)
    assert changed[0] == "Refused" and again[0] == ROWS
    named = f"data set some/rows at {COMMIT}, file data/train-00000-of-00001.parquet"
    for (kind, message), problem in {
        tuple(changed): named,
        tuple(file): f"data set some/rows at {COMMIT}, file data/test.parquet: no such file at this revision (404)",
        tuple(revision): f"data set some/rows at {'b' * 40}, file data/train-00000-of-00001.parquet: the hub has no such revision",
        tuple(repository): f"data set no/such at {COMMIT}, file",
    }.items():
        assert kind in ("Refused", "Unavailable") and problem in message and "\n" not in message


def test_bin_weights_are_taken_only_without_safetensors() -> None:
    shards = ["config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]
    assert choose([*shards, "tf_model.h5", "onnx/config.json"], MODEL_FILES, "model") == shards
    both = [*shards, "model.safetensors", "model.safetensors.index.json"]
    assert choose(both, MODEL_FILES, "model") == ["config.json", "model.safetensors", "model.safetensors.index.json"]
    with pytest.raises(BadInput, match=r"tf_model\.h5"):
        choose(["tf_model.h5"], MODEL_FILES, "model")
