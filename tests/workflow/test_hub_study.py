"""Study ``paper`` whole, with narrow OPTs and cut counts, from a hub on this machine; and ``small`` on OPT-125M's true shape."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from .conftest import ROOT, Workspace, checkout

from hub_study import GUARD, dataset_repositories, model_repository, pinned_models  # isort: skip
from loopback_hub import LoopbackHub, serving  # isort: skip

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(not os.environ.get("GAP_MIRROR"), reason="GAP_MIRROR is not set: no mirror of the public data"),
]

#: Cut counts.  No number here is the paper's; fp32, as a CPU has no fast fp16.
CUT = {
    "gap": {"learning_rate": 0.00005, "precision": "fp32", "updates": 2, "texts": 2},
    "describe": {"ngram": 2, "prefixes": 2, "continuation": 4, "gradient_items": 2},
    "evaluate": {"splits": ["validation", "test"], "items": 8, "precision": "fp32", "batch_tokens": 1024, "max_new_tokens": 2, "noise_items": 2},
    "jobs": {"texts_per_job": 10, "tasks_per_job": 12, "device": "cpu"},
}  # fmt: skip
#: What opens connections.
FETCHING = {"gap fetch-items", "gap tokenizer", "gap model"}
OPT_125M, OPT_125M_COMMIT = "facebook/opt-125m", "27dcfa74d334bc871f3234de431e71c6eeba5dd6"


def environment(folder: Path, hub: LoopbackHub, allows: str) -> dict[str, str]:
    """The hub's address, an empty cache, and the guard at every socket, whose log lies in ``folder``."""
    (folder / "guard").mkdir(exist_ok=True)
    (folder / "guard/sitecustomize.py").write_text(GUARD)
    paths = [str(folder / "guard"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": os.pathsep.join(paths),
        "GUARD_LOG": str(folder / f"guard/{allows}.log"),
        "GUARD_ALLOWS": allows,
    }


def guarded(folder: Path, allows: str) -> set[str]:
    """What the guard saw: ``allowed`` or ``refused``, and the command."""
    log = folder / f"guard/{allows}.log"
    return set(log.read_text().splitlines()) if log.exists() else set()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    mirror, folder = Path(os.environ["GAP_MIRROR"]), tmp_path_factory.mktemp("hub")
    pinned = pinned_models(ROOT / "params.yaml", "paper")
    models = [model_repository(id, revision, mirror, folder / id, width=32) for id, revision in pinned.items()]
    with serving([*models, *dataset_repositories(mirror, folder / "datasets")]) as running:
        yield running


@pytest.fixture(scope="module")
def paper(hub: LoopbackHub, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The study, made from nothing; only fetching commands could open a connection."""
    made = os.environ.get("GAP_HUB_STUDY")  # a folder in which it is already made, to look at these tests alone
    if made:
        return Workspace(Path(made))
    folder = tmp_path_factory.mktemp("paper")
    workspace = checkout(folder / "project")
    workspace.edit(**{f"studies__paper__{part}": value for part, value in CUT.items()})
    run = ("snakemake", "--cores", "2", "--quiet", "rules", "--config", "study=paper")
    workspace.run(*run, **environment(folder, hub, "fetching"))
    return workspace


@pytest.mark.nightly
def test_the_papers_study_runs_from_nothing_to_its_report(paper: Workspace) -> None:
    plan = json.loads(paper.read("results/paper/plan.json"))
    scores = pd.concat([pd.read_parquet(paper.folder / entry["path"]) for entry in plan["scores"]])
    assert len(plan["scores"]) == 4 * 19 and scores["item"].nunique() == 8
    assert set(scores["step"]) == {0, 1, 2} and len(plan["runs"]) == 3 * 3 * 2
    models = {name: json.loads(paper.read(f"{entry['folder']}/config.json")) for name, entry in plan["models"].items()}
    shapes = {name: (each["num_hidden_layers"], each["do_layer_norm_before"]) for name, each in models.items()}
    assert shapes == {"opt-350m": (24, False), "opt-1.3b": (24, True), "opt-2.7b": (32, True), "opt-6.7b": (32, True)}
    assert models["opt-350m"]["word_embed_proj_dim"] != models["opt-350m"]["hidden_size"]
    page = paper.read("results/paper/report.html").decode()
    assert "facebook/opt-350m" in page and "baber/piqa" in page


@pytest.mark.nightly
def test_only_fetching_rules_open_connections_and_only_to_the_hub(paper: Workspace, hub: LoopbackHub) -> None:
    seen = guarded(paper.folder.parent, "fetching")
    assert seen == {f"allowed {command}" for command in FETCHING}
    refused = paper.run(
        "python",
        "-c",
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        code=1,
        **environment(paper.folder.parent, hub, "nobody"),
    )
    assert "this process may open no connection" in refused


@pytest.mark.nightly
def test_the_lock_names_every_file_with_hash_and_licence(paper: Workspace, hub: LoopbackHub) -> None:
    lock = json.loads(paper.read("results/paper/checks/fetch.lock.json"))
    assert {part: len(lock[part]) for part in ("models", "tokenizers", "corpora", "items")} == {
        "models": 4,
        "tokenizers": 1,
        "corpora": 3,
        "items": 19,
    }
    assert lock["unrecorded"] == []
    [origin] = lock["models"]["opt-6.7b"]["fetched"]
    served = hub.repositories["models", origin["id"]]
    assert origin["revision"] == served.revision and origin["licence"] == "other"
    weights = {"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"}
    assert weights < set(origin["files"]) and all(served.files[name].sha256 == sha for name, sha in origin["files"].items())
    [origin] = lock["items"]["arc_easy/test"]["fetched"]
    assert origin["licence"] == "cc-by-sa-4.0" and list(origin["files"]) == ["ARC-Easy/test-00000-of-00001.parquet"]
    assert lock["items"]["arc_easy/test"]["rows"] == 2376
    assert lock["items"]["pubmed_qa/validation"]["fetched"][0]["id"] == "kaistAI/GAP"


@pytest.mark.nightly
def test_later_stages_are_made_again_without_any_network(paper: Workspace, hub: LoopbackHub) -> None:
    """The last test of ``paper``: results go, what was fetched stays."""
    before, asked = paper.read("results/paper/metrics.json"), len(hub.requests)
    kept = re.compile(r"opt-(1\.3|2\.7|6\.7)b|/timing/|noise")  # one model will do; the noise floor takes as long as all else
    for path in (paper.folder / "results/paper").rglob("*"):
        if path.is_file() and not kept.search(path.as_posix()):
            path.unlink()
    run = ("snakemake", "--cores", "2", "--quiet", "rules", "--config", "study=paper")
    paper.run(*run, **environment(paper.folder.parent, hub, "later"))
    assert guarded(paper.folder.parent, "later") == set() and len(hub.requests) == asked
    assert paper.read("results/paper/metrics.json") == before


@pytest.mark.nightly
def test_study_small_runs_with_a_model_of_the_hub_in_place_of_its_own(tmp_path: Path) -> None:
    mirror = Path(os.environ["GAP_MIRROR"])
    model = model_repository(OPT_125M, OPT_125M_COMMIT, mirror, tmp_path / "hub")
    workspace = checkout(tmp_path / "project")
    settings = {"kind": "hub", "role": "subject", "label": "125M", "id": OPT_125M, "revision": OPT_125M_COMMIT}
    workspace.edit(
        studies__small__models={"opt-125m": settings},
        studies__small__gap__updates=2,
        studies__small__gap__texts=1,
        studies__small__methods={"ascent": {"label": "ascent"}},
        studies__small__evaluate={**CUT["evaluate"], "splits": ["validation"], "items": 4, "noise_items": 1, "steps": [2]},
        studies__small__describe=CUT["describe"],
        studies__small__jobs__device="cpu",
    )
    with serving([model]) as hub:
        workspace.run("snakemake", "--cores", "2", "--quiet", "rules", "--config", "study=small", **environment(tmp_path, hub, "fetching"))
    assert guarded(tmp_path, "fetching") == {"allowed gap tokenizer", "allowed gap model"}
    lock = json.loads(workspace.read("results/small/checks/fetch.lock.json"))
    assert lock["models"]["opt-125m"]["parameters"] == 125_239_296
    assert lock["models"]["opt-125m"]["fetched"][0]["files"]["pytorch_model.bin"] == model.files["pytorch_model.bin"].sha256
    assert (workspace.folder / "results/small/report.html").exists()
