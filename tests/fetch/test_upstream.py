"""Pinned files: from a mirror, from a real server on this machine, and what happens when neither serves them well."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Refused, Unavailable
from gap.core.locations import mirror
from gap.fetch import upstream
from gap.fetch.upstream import PINNED, read_upstream

NAME = "data/train_data/github.csv"
CONTENT = b"doc_id,text,corpus\n19955,some code,Github\n"


@dataclass
class Server:
    """A server whose answers, (status, body, announced length), are used up one by one; the last one stays."""

    base: str = ""
    answers: list[tuple[int, bytes, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            status, body, length = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    state.base = f"http://127.0.0.1:{running.server_port}/root"
    monkeypatch.setattr(upstream, "BASE", state.base)
    monkeypatch.setattr(upstream, "PAUSE", 0)
    yield state
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAP_MIRROR", raising=False)
    monkeypatch.setitem(PINNED, NAME, hashlib.sha256(CONTENT).hexdigest())


def ok(body: bytes) -> tuple[int, bytes, int]:
    return 200, body, len(body)


def kept_files() -> list[Path]:
    return [path for path in Path(".gap").rglob("*") if path.is_file()] if Path(".gap").exists() else []


def test_download_is_kept_and_used_again(server: Server) -> None:
    server.answers = [ok(CONTENT)]
    first = read_upstream(NAME)
    assert first == Path(".gap/downloads/upstream_gap") / NAME
    assert first.read_bytes() == CONTENT
    assert read_upstream(NAME) == first
    assert server.asked == [f"/root/{NAME}"]


def test_damaged_download_on_disk_is_replaced(server: Server) -> None:
    server.answers = [ok(CONTENT)]
    read_upstream(NAME).write_bytes(b"damaged")
    assert read_upstream(NAME).read_bytes() == CONTENT
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [CONTENT[:-5], CONTENT.replace(b"some", b"sOme"), b""])
def test_changed_file_is_refused_and_not_kept(server: Server, body: bytes) -> None:
    server.answers = [ok(body)]
    with pytest.raises(Refused, match=hashlib.sha256(body).hexdigest()):
        read_upstream(NAME)
    assert kept_files() == []
    assert len(server.asked) == 1


def test_two_server_errors_then_success(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(upstream.time, "sleep", waited.append)
    monkeypatch.setattr(upstream, "PAUSE", 1.0)
    server.answers = [(500, b"", 0), (503, b"", 0), ok(CONTENT)]
    assert read_upstream(NAME).read_bytes() == CONTENT
    assert waited == [1.0, 2.0]


def test_connection_cut_short_is_tried_again(server: Server) -> None:
    server.answers = [(200, CONTENT[:10], len(CONTENT)), ok(CONTENT)]
    assert read_upstream(NAME).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_lasting_server_error_gives_up_after_four_tries(server: Server) -> None:
    server.answers = [(500, b"", 0)]
    with pytest.raises(Unavailable, match=r"HTTP Error 500.*GAP_MIRROR"):
        read_upstream(NAME)
    assert len(server.asked) == 4


def test_missing_file_is_not_asked_for_again(server: Server) -> None:
    server.answers = [(404, b"", 0)]
    with pytest.raises(Unavailable, match="404"):
        read_upstream(NAME)
    assert len(server.asked) == 1


def test_unreachable_names_the_mirror_as_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(upstream.time, "sleep", waited.append)
    monkeypatch.setattr(upstream, "BASE", "http://127.0.0.1:9")
    monkeypatch.setattr(upstream, "PAUSE", 0.5)
    with pytest.raises(Unavailable) as caught:
        read_upstream(NAME)
    assert "GAP_MIRROR" in caught.value.cure
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    assert waited == [0.5, 1.0, 2.0]


def test_mirror_comes_first_and_is_checked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mirror" / "upstream_gap" / NAME
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    monkeypatch.setenv("GAP_MIRROR", str(tmp_path / "mirror"))
    assert read_upstream(NAME) == place
    place.write_bytes(CONTENT + b"\n")
    with pytest.raises(Refused, match="GAP_MIRROR"):
        read_upstream(NAME)
    assert server.asked == []


def test_file_absent_from_the_mirror_is_downloaded(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAP_MIRROR", str(tmp_path))
    server.answers = [ok(CONTENT)]
    assert read_upstream(NAME).read_bytes() == CONTENT


def test_only_pinned_files_can_be_read() -> None:
    with pytest.raises(BadInput, match=r"full_results/dialog\.csv"):
        read_upstream("../secret")


def test_every_pinned_file_of_a_real_mirror(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.undo()
    if mirror() is None:
        pytest.skip("GAP_MIRROR is not set")
    for name in PINNED:
        assert read_upstream(name).is_file()
    assert len(PINNED) == 15
