"""A Hugging Face hub on this machine: the part of its HTTP interface that huggingface_hub and datasets use to read.

Two servers: the hub itself, and the storage that it sends large files to (another origin, as on the real hub).  What a request finds
is a ``Repository``; what goes wrong on purpose is a ``Fault``; every request is kept in ``requests``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote

from huggingface_hub.utils.sha import git_hash

#: Files that the hub keeps in its storage; all others it serves itself, as Git blobs.
LARGE = (".safetensors", ".bin", ".h5", ".msgpack", ".parquet")
#: Bytes of the pointer that Git holds of a large file; a number that clients do not look at.
POINTER = 134
#: Entries of a page of a listing; the real hub's are longer.
PAGE = 4


@dataclass(frozen=True)
class File:
    """A file's content, from memory or from disk."""

    content: bytes | Path

    @property
    def size(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def open(self) -> BinaryIO:
        return self.content.open("rb") if isinstance(self.content, Path) else BytesIO(self.content)

    @cached_property
    def sha256(self) -> str:
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @cached_property
    def blob_id(self) -> str:
        with self.open() as stream:
            return git_hash(stream.read())


@dataclass(frozen=True)
class Repository:
    """A repository of one revision.  kind: ``models`` or ``datasets``; gated: files are shown to nobody, as without a token."""

    kind: str
    id: str
    revision: str
    files: dict[str, File]
    gated: bool = False


@dataclass
class Fault:
    """What goes wrong with requests whose path holds ``path``, the first ``times`` of them, after ``skip`` that are answered well.

    status: an error of this HTTP status, with ``headers``; after: so many bytes of the body, then the connection ends (``reset``: by
    a reset); changed: the first byte of the body is another one.
    """

    path: str
    method: str = "GET"
    times: int = 1
    skip: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    reset: bool = False
    changed: bool = False


@dataclass(frozen=True)
class Request:
    """A request that came: server ``hub`` or ``storage``; range and authorization as sent."""

    server: str
    method: str
    path: str
    range: str | None
    authorization: str | None


class LoopbackHub:
    """The repositories, the faults to come, and the requests that came."""

    def __init__(self, repositories: list[Repository]) -> None:
        self.repositories = {(each.kind, each.id): each for each in repositories}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.servers = {name: Server(("127.0.0.1", 0), partial(Handler, self, name)) for name in ("hub", "storage")}
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.servers['hub'].server_port}"

    @property
    def storage(self) -> str:
        """Another name and port, so that it is another host to the clients."""
        return f"http://localhost:{self.servers['storage'].server_port}"

    def fault_of(self, method: str, path: str) -> Fault | None:
        """The fault that meets this request; it is counted."""
        with self._lock:
            for fault in self.faults:
                if fault.method == method and fault.path in path and fault.times:
                    if fault.skip:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def paths(self, server: str = "hub", method: str = "GET") -> list[str]:
        return [request.path for request in self.requests if (request.server, request.method) == (server, method)]


class Server(ThreadingHTTPServer):
    """Its threads end with the process; it closes a connection without announcing the end first, so that a reset is one."""

    daemon_threads = True

    def shutdown_request(self, request: Any) -> None:
        self.close_request(request)


@contextmanager
def serving(repositories: list[Repository]) -> Iterator[LoopbackHub]:
    """The hub at work until the block ends."""
    hub = LoopbackHub(repositories)
    for server in hub.servers.values():
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield hub
    finally:
        for server in hub.servers.values():
            server.shutdown()
            server.server_close()


API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<id>[^/]+/[^/]+)(?:/(?P<what>revision|tree|paths-info)/(?P<rest>.+))?")
RESOLVE = re.compile(r"/(?P<kind>datasets/)?(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


class Handler(BaseHTTPRequestHandler):
    """One request; ``name`` is the server's."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: LoopbackHub, name: str, *request: Any) -> None:
        self.hub, self.name = hub, name
        super().__init__(*request)

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.asked = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.answer()

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(Request(self.name, self.command, self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        fault = self.hub.fault_of(self.command, path)
        if fault and fault.status:
            self.send(fault.status, File(b'{"error": "as the test asks"}'), fault.headers)
        elif self.name == "storage":
            kind, owner, name, file = path.strip("/").split("/", 3)
            self.send_file(self.hub.repositories[kind, f"{owner}/{name}"].files[unquote(file)], {}, fault)
        elif found := API.fullmatch(path):
            self.answer_api(found)
        elif found := RESOLVE.fullmatch(path):
            self.answer_file(found, fault)
        else:
            self.refuse(404, "RepoNotFound")

    def repository(self, kind: str, id: str, revision: str | None) -> Repository | None:
        """The repository at this revision; None where the answer was an error."""
        repository = self.hub.repositories.get((kind, id))
        if repository is None:
            self.refuse(401, "RepoNotFound")  # as the hub answers whoever asks without a token
        elif revision not in (None, "main", repository.revision):
            self.refuse(404, "RevisionNotFound")
            return None
        return repository

    def answer_api(self, found: re.Match[str]) -> None:
        revision, _, below = unquote(found["rest"] or "main").partition("/")
        repository = self.repository(found["kind"], found["id"], revision)
        if repository is None:
            return
        names = [name for name in repository.files if name.startswith(f"{below}/" if below else "")]
        if found["what"] == "tree":
            self.list_tree([entry(name, repository.files[name]) for name in names], below)
        elif found["what"] == "paths-info":
            self.send_json([entry(name, repository.files[name]) for name in self.asked["paths"] if name in repository.files])
        else:
            siblings = [{"rfilename": name} for name in repository.files]
            facts = {"private": False, "gated": "manual" if repository.gated else False, "tags": [], "downloads": 0, "likes": 0}
            self.send_json({"id": repository.id, "sha": repository.revision, "siblings": siblings, **facts})

    def list_tree(self, entries: list[dict[str, Any]], below: str) -> None:
        if not entries:
            self.refuse(404, "EntryNotFound")
            return
        if "recursive=true" not in self.path.lower():
            start = f"{below}/" if below else ""
            deeper = {entry["path"].removeprefix(start).partition("/")[0] for entry in entries if "/" in entry["path"].removeprefix(start)}
            folders = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": start + name} for name in sorted(deeper)]
            entries = folders + [entry for entry in entries if "/" not in entry["path"].removeprefix(start)]
        cursor = re.search(r"cursor=(\d+)", self.path)
        first = int(cursor[1]) if cursor else 0
        headers = {}
        if len(entries) > first + PAGE:
            base = re.sub(r"[&?]cursor=\d+", "", self.path)
            following = f"{self.hub.endpoint}{base}{'&' if '?' in base else '?'}cursor={first + PAGE}"
            headers["Link"] = f'<{following}>; rel="next"'
        self.send_json(entries[first : first + PAGE], headers)

    def answer_file(self, found: re.Match[str], fault: Fault | None) -> None:
        kind = "datasets" if found["kind"] else "models"
        repository = self.repository(kind, found["id"], unquote(found["revision"]))
        if repository is None:
            return
        name = unquote(found["file"])
        file = repository.files.get(name)
        headers = {"X-Repo-Commit": repository.revision}
        if file is None:
            self.refuse(404, "EntryNotFound", headers)
        elif repository.gated and name != "README.md":
            self.refuse(401, "GatedRepo", headers)
        elif name.endswith(LARGE):
            linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size), "ETag": f'"{pointer_id(file)}"'}
            self.send(302, File(b""), {**headers, **linked, "Location": f"{self.hub.storage}/{kind}/{repository.id}/{name}"})
        else:
            self.send_file(file, {**headers, "ETag": f'"{file.blob_id}"'}, fault)

    def send_file(self, file: File, headers: dict[str, str], fault: Fault | None) -> None:
        """The file or the part of it that ``Range`` names."""
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first, last = (int(asked[1]), int(asked[2]) if asked[2] else file.size - 1) if asked else (0, file.size - 1)
        last = min(last, file.size - 1)
        if asked:
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{file.size}"}
        with file.open() as stream:
            stream.seek(first)
            self.start(206 if asked else 200, last - first + 1, {**headers, "Accept-Ranges": "bytes"})
            if self.command != "HEAD":
                self.send_body(stream, last - first + 1, fault)

    def send_body(self, stream: BinaryIO, length: int, fault: Fault | None) -> None:
        if fault and fault.changed:
            [byte] = stream.read(1)
            self.wfile.write(bytes([byte ^ 1]))
            length -= 1
        if fault and fault.after is not None:
            self.wfile.write(stream.read(fault.after))
            self.wfile.flush()
            self.close_connection = True
            if fault.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        copy(stream, self.wfile.write, length)

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self.send(status, File(b'{"error": "refused"}'), {"X-Error-Code": code, **(headers or {})})

    def send_json(self, value: Any, headers: dict[str, str] | None = None) -> None:
        self.send(200, File(json.dumps(value).encode()), {"Content-Type": "application/json", **(headers or {})})

    def send(self, status: int, body: File, headers: dict[str, str]) -> None:
        self.start(status, body.size, headers)
        if self.command != "HEAD":
            with body.open() as stream:
                shutil.copyfileobj(stream, self.wfile)

    def start(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def copy(stream: BinaryIO, write: Callable[[bytes], Any], length: int) -> None:
    while length and (block := stream.read(min(length, 1 << 20))):
        write(block)
        length -= len(block)


def entry(name: str, file: File) -> dict[str, Any]:
    """A file in a listing."""
    said = {"type": "file", "size": file.size, "path": name}
    if not name.endswith(LARGE):
        return said | {"oid": file.blob_id}
    return said | {"oid": pointer_id(file), "lfs": {"oid": file.sha256, "size": file.size, "pointerSize": POINTER}}


def pointer_id(file: File) -> str:
    """Some blob id for the pointer that Git holds of a large file."""
    return git_hash(file.sha256.encode())
