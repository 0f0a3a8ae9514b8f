"""Hub access against a small server on this machine, against a closed port, and offline.

The hub's libraries read their address when they are imported, so each case runs in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gap.core.errors import BadInput
from gap.fetch.hub import MODEL_FILES, choose

COMMIT = "a" * 40
ROWS = [{"text": f"row {number}", "meta": {"pile_set_name": "Github" if number % 2 else "Pile-CC"}} for number in range(6)]
FILES = {
    "config.json": b'{"model_type": "opt"}',
    "merges.txt": b"#version: 0.2\n",
    "model.safetensors": b"S" * 64,
    "pytorch_model.bin": b"B" * 80,
    "flax_model.msgpack": b"F" * 10,
    "train.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
}
# waiting between tries is cut out; the tries are made
START = "import time; time.sleep = lambda seconds: None\nimport json\nfrom pathlib import Path\nfrom gap.core.errors import GapError\n"


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's interface that listing, downloading and streaming ask for; one repository, one commit."""

    def do_HEAD(self) -> None:
        self.answer(False)

    def do_GET(self) -> None:
        self.answer(True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(True)

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if "some/" not in path or COMMIT not in path:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
        if "/resolve/" in path:
            content = FILES.get(path.partition(f"/resolve/{COMMIT}/")[2])
            if content is None:
                return self.send(404, b"", {"X-Error-Code": "EntryNotFound"}, with_body)
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
            return self.send(200, content, headers, with_body)
        if path.endswith(f"/tree/{COMMIT}") or "/paths-info/" in path:
            return self.send_json([file_entry(name, content) for name, content in FILES.items()], with_body)
        if "/tree/" in path:
            return self.send(404, b"{}", {"X-Error-Code": "EntryNotFound"}, with_body)
        files = [{"rfilename": name} for name in FILES]
        self.send_json({"id": "some/thing", "sha": COMMIT, "siblings": files, "tags": [], "private": False}, with_body)

    def send_json(self, value: Any, with_body: bool) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, with_body)

    def send(self, status: int, content: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)


def file_entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "oid": hashlib.sha1(content).hexdigest(), "size": len(content), "path": name}


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def run(code: str, folder: Path, endpoint: str, **more: str) -> Any:
    """What ``code`` prints last, as JSON, with the hub at ``endpoint`` and an empty cache under ``folder``."""
    hidden = ("HF_", "HUGGING", "GAP_", "TRANSFORMERS")
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(hidden) and "proxy" not in name.lower()}
    environment |= {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        **more,
    }
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run([sys.executable, "-c", START + code], capture_output=True, text=True, env=environment, cwd=folder, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


MODEL = """
from gap.fetch.hub import model_files
def fetched(id, folder, **more):
    try:
        return model_files(id, "a" * 40, Path(folder), **more)
    except GapError as error:
        return [type(error).__name__, str(error)]
"""
ROWS_OF = """
from gap.fetch.hub import dataset_rows
from gap.params.sources import HubSource
def rows(**more):
    source = HubSource(kind="hub", dataset="some/thing", revision="a" * 40, **more)
    try:
        return list(dataset_rows(source))
    except GapError as error:
        return [type(error).__name__, str(error)]
"""


def test_model_files_arrive_whole_with_safetensors_alone(hub: str, tmp_path: Path) -> None:
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out'), fetched('no/such', 'out2')]))"
    names, absent = run(code, tmp_path, hub)
    assert names == ["config.json", "merges.txt", "model.safetensors"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*")} == {name: FILES[name] for name in names}
    assert absent[0] == "Unavailable"
    assert f"model no/such at {COMMIT}" in absent[1]


def test_model_files_offline_come_from_the_cache_or_not_at_all(hub: str, tmp_path: Path) -> None:
    fill = "from huggingface_hub import snapshot_download; snapshot_download('some/thing', revision='a' * 40); print(1)"
    assert run(fill, tmp_path, hub) == 1
    code = MODEL + "print(json.dumps([fetched('some/thing', 'out', patterns=('*.txt',)), fetched('other/thing', 'out2')]))"
    names, absent = run(code, tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert names == ["merges.txt"]
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


def test_dataset_rows_are_streamed_and_filtered(hub: str, tmp_path: Path) -> None:
    code = ROWS_OF + (
        "print(json.dumps([rows(), rows(where={'meta.pile_set_name': 'Github'}), rows(where={'meta.set': 'Github'}),"
        " rows(split='absent'), rows(config='absent'), sorted({'torch', 'transformers'} & set(sys.modules))]))"
    )
    everything, github, column, split, config, heavy = run("import sys\n" + code, tmp_path, hub)
    assert everything == ROWS
    assert heavy == []
    assert github == ROWS[1::2]
    assert column[0] == "BadInput"
    assert "['pile_set_name']" in column[1]
    assert [split[0], config[0]] == ["BadInput", "BadInput"]


def test_dataset_rows_without_network(tmp_path: Path) -> None:
    kind, message = run(ROWS_OF + "print(json.dumps(rows()))", tmp_path, "http://127.0.0.1:9")
    assert kind == "Unavailable"
    for part in ("some/thing", COMMIT, "HF_HUB_OFFLINE", "kind files"):
        assert part in message
    assert "\n" not in message


def test_bin_weights_are_taken_only_without_safetensors() -> None:
    shards = ["config.json", "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]
    assert choose([*shards, "tf_model.h5", "onnx/config.json"], MODEL_FILES, "model") == shards
    both = [*shards, "model.safetensors", "model.safetensors.index.json"]
    assert choose(both, MODEL_FILES, "model") == ["config.json", "model.safetensors", "model.safetensors.index.json"]
    with pytest.raises(BadInput, match=r"tf_model\.h5"):
        choose(["tf_model.h5"], MODEL_FILES, "model")
