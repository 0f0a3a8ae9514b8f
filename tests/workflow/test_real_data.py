"""A small run on genuine data: the authors' texts, real tasks, a model trained on open text (needs GAP_MIRROR)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from .conftest import TINY, Workspace

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(not os.environ.get("GAP_MIRROR"), reason="GAP_MIRROR is not set: no mirror of the public data"),
]

CORPORA = {"tdec": "TDEC", "cc": "CC", "git": "Git"}


@pytest.fixture(scope="module")
def real(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = tiny.copy(tmp_path_factory.mktemp("real") / "project")
    words = {"kind": "files", "paths": ["mirror:text/wikitext2_test.txt.xz"], "heldout": 0.0}
    texts = {name: {"kind": "authors", "name": kind, "heldout": 0.0} for name, kind in CORPORA.items()}
    corpus = TINY["corpora"]["words"]
    workspace.edit(
        studies__tiny__sources={"words": words} | texts,
        studies__tiny__corpora={name: corpus | {"source": name, "part": "all", "window": 200} for name in CORPORA},
        studies__tiny__items={"kind": "folder", "path": "mirror:"},
        studies__tiny__tasks=["arc_challenge", "pubmed_qa", "wizard_of_internet"],
    )
    workspace.edit(studies__tiny__gap__texts=1)
    workspace.snakemake("--quiet", "rules")
    return workspace


@pytest.mark.nightly
def test_the_authors_texts_are_taken_whole_and_in_order(real: Workspace) -> None:
    texts = pd.read_parquet(real.folder / "results/tiny/observations/texts.parquet").astype({"corpus": str})
    assert texts[["corpus", "text"]].to_numpy().tolist() == [["tdec", 0], ["cc", 0], ["git", 0]]
    source = pd.read_csv(Path(os.environ["GAP_MIRROR"]) / "upstream_gap/data/train_data/github.csv")
    assert texts["string"].iloc[2] == source["text"].iloc[0] and texts["document"].iloc[2] == str(source["doc_id"].iloc[0])


@pytest.mark.nightly
def test_real_items_are_scored_as_the_protocol_words_them(real: Workspace) -> None:
    plan = json.loads(real.read("results/tiny/plan.json"))
    scores = pd.concat([pd.read_parquet(real.folder / entry["path"]) for entry in plan["scores"]]).astype({"task": str, "run": str})
    assert scores.groupby("task")["item"].nunique().to_dict() == {"arc_challenge": 8, "pubmed_qa": 8, "wizard_of_internet": 8}
    assert scores["run"].nunique() == 1 + 3 and set(scores["step"]) == {0, 1, 2}
    choices = scores[scores["task"] == "arc_challenge"]["log_probabilities"].map(len)
    assert (choices == 4).all()
    gold = scores[(scores["task"] == "pubmed_qa") & (scores["run"] == "base")].sort_values("item")["gold"].tolist()
    rows = pd.read_csv(Path(os.environ["GAP_MIRROR"]) / "upstream_gap/data/validation_data/pubmed_qa.csv")
    assert gold == [["yes", "maybe", "no"].index(answer) for answer in rows["final_decision"][:8]]


@pytest.mark.nightly
def test_no_path_of_the_mirror_is_recorded(real: Workspace) -> None:
    for name in ("sources.lock.json", "results/tiny/plan.json", "results/tiny/checks/overlap.json"):
        assert os.environ["GAP_MIRROR"] not in real.read(name).decode()
