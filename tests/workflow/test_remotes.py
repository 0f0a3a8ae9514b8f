"""DVC remotes: a real S3 API on this machine, a read-only copy over HTTP, and what damage to either is noticed."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Workspace
from .test_freshness import METRICS, RATE, nothing_changed

pytestmark = [pytest.mark.workflow, pytest.mark.nightly]
KEYS = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "gap-results"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """boto3's client of moto's S3, with an empty bucket."""
    reason = "not installed: pip install --constraint constraints.txt '.[s3,test-all]'"
    pytest.importorskip("dvc_s3", reason=reason)
    moto = pytest.importorskip("moto.server", reason=reason)
    import boto3

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as keys:
            for name, value in KEYS.items():
                keys.setenv(name, value)
            client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
            client.create_bucket(Bucket=BUCKET)
            yield client
    finally:
        server.stop()


@pytest.fixture
def pushed(s3: Any, finished: Workspace, tmp_path: Path) -> Workspace:
    """The finished study with S3 as its remote, as docs/operations.md sets it up, pushed and committed."""
    workspace = finished.copy(tmp_path / "project")
    workspace.dvc("remote", "add", "--default", "cloud", f"s3://{BUCKET}/{tmp_path.name}")
    workspace.dvc("remote", "modify", "cloud", "endpointurl", s3.meta.endpoint_url)
    workspace.dvc("remote", "modify", "cloud", "verify", "true")
    workspace.dvc("push")
    workspace.commit("a remote on S3")
    return workspace


def damaged(content: bytes) -> bytes:
    """One bit flipped in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def weights(workspace: Workspace) -> Path:
    """The file of the base model's weights, and in DVC's cache its digest."""
    (path,) = workspace.folder.glob("data/tiny/models/*/model.safetensors")
    return path


def stored(folder: Path, workspace: Workspace) -> Path:
    """Where a folder that DVC writes holds those weights."""
    name = hashlib.md5(weights(workspace).read_bytes()).hexdigest()
    return folder / "files/md5" / name[:2] / name[2:]


def test_a_clone_pulls_from_s3_what_was_pushed_there_and_wants_nothing(pushed: Workspace, tmp_path: Path) -> None:
    assert "up to date" in pushed.dvc("push")
    clone = pushed.clone(tmp_path / "clone")
    clone.dvc("pull")
    assert clone.planned() == {} and nothing_changed(clone)
    assert weights(clone).read_bytes() == weights(pushed).read_bytes()


def test_an_object_damaged_on_s3_is_not_taken(pushed: Workspace, s3: Any, tmp_path: Path) -> None:
    name = stored(Path(tmp_path.name), pushed).as_posix()
    content = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=name, Body=damaged(content))
    clone = pushed.clone(tmp_path / "clone")
    said = clone.dvc("pull", code=None)
    assert "corrupt" in said.lower() or "failed" in said.lower(), said
    assert not list(clone.folder.glob("data/tiny/models/*/model.safetensors"))


def test_a_file_damaged_in_the_cache_is_noticed_by_what_opens_it_and_fetched_again(pushed: Workspace, tmp_path: Path) -> None:
    """DVC trusts its own cache, and hands the damaged file out."""
    clone = pushed.clone(tmp_path / "clone")
    clone.dvc("pull")
    cached = stored(clone.folder / ".dvc/cache", pushed)
    cached.chmod(0o644)
    cached.write_bytes(damaged(cached.read_bytes()))
    weights(clone).unlink()
    clone.dvc("checkout")
    said = clone.run("gap", "provenance", METRICS, code=4)
    assert str(weights(clone).relative_to(clone.folder)) in said
    cached.unlink()
    weights(clone).unlink()
    clone.dvc("pull")
    assert weights(clone).read_bytes() == weights(pushed).read_bytes()
    clone.run("gap", "provenance", METRICS)


def test_a_read_only_copy_over_http_is_enough_for_a_reader(finished: Workspace, tmp_path: Path) -> None:
    """The folder of a remote behind any web server; a reader pulls without an account, and cannot push."""
    store = finished.dvc("remote", "list").split()[1]
    handler = partial(type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None}), directory=store)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        clone = finished.clone(tmp_path / "clone")
        clone.dvc("remote", "add", "--default", "--force", "store", f"http://127.0.0.1:{server.server_port}")
        clone.dvc("pull")
        assert clone.planned() == {} and nothing_changed(clone)
        assert clone.dvc("push", code=None)
        server.shutdown()
    assert weights(clone).read_bytes() == weights(finished).read_bytes()


def test_queued_experiments_each_hold_the_losses_of_their_value(pushed: Workspace) -> None:
    rates = {"slower": RATE, "faster": 2 * RATE}
    for name, rate in rates.items():
        pushed.dvc("exp", "run", "--queue", "--name", name, "-S", f"gap.learning_rate={rate}")
    pushed.dvc("exp", "run", "--run-all", "--jobs", "1")
    commits = dict(
        line.split("\t")[::-1]
        for line in pushed.git("for-each-ref", "--format=%(objectname)\t%(refname:lstrip=-1)", "refs/exps").splitlines()
    )
    losses = "results/tiny/plots/score_by_step.csv"
    found = {name: pushed.git("show", f"{commits[name]}:{losses}") for name in rates}
    assert yaml.safe_load(pushed.git("show", f"{commits['faster']}:params.yaml"))["gap"]["learning_rate"] == rates["faster"]
    assert len({*found.values(), pushed.read(losses).decode()}) == 3
    assert pushed.planned() == {}, "the workspace is as it was"
