"""Study `published` through the real Snakemake and DVC; the committed page and figures are what this code makes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import ROOT, Workspace, checkout

MIRROR = os.environ.get("GAP_MIRROR")
pytestmark = [pytest.mark.workflow, pytest.mark.skipif(MIRROR is None, reason="GAP_MIRROR names no folder with the authors' files")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = checkout(tmp_path_factory.mktemp("published") / "project")
    workspace.edit(study="published")
    workspace.dvc("repro")
    return workspace


def test_nothing_is_left_to_do_and_dvc_has_it_all(made: Workspace) -> None:
    assert made.planned() == {}
    assert json.loads(made.dvc("status", "--json")) == {"inputs@published": ["always changed"]}
    assert json.loads(made.read("results/published/inputs.json")) == {}
    assert "results/published/report.html" in made.run("gap", "where")
    shown = json.loads(made.dvc("metrics", "show", "--json"))
    assert "dialogue_difference" in json.dumps(shown)


def test_the_committed_page_is_what_this_code_makes(made: Workspace) -> None:
    committed = json.loads((ROOT / "results/published/plan.json").read_text())
    assert json.loads(made.read("results/published/plan.json"))["digest"] == committed["digest"], "make published, and commit it"
    made.run("gap", "published-docs", "--docs", "renewed")
    assert made.read("renewed/published-results.md").decode() == (ROOT / "docs/published-results.md").read_text()
    for name in ("metrics.json", "verdicts.json", "checks/published.json"):
        ours, theirs = json.loads(made.read(f"results/published/{name}")), json.loads((ROOT / "results/published" / name).read_text())
        assert_close(ours, theirs, name)


def assert_close(one: object, other: object, place: str) -> None:
    """Equal but for what another machine's sums may round differently."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_close(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other), place
        for number, pair in enumerate(zip(one, other, strict=True)):
            assert_close(*pair, f"{place}/{number}")
    elif isinstance(one, float) and isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12), place
    else:
        assert one == other, place


def test_the_committed_figures_are_what_this_code_draws(made: Workspace) -> None:
    import matplotlib.image as images

    names = sorted(path.name for path in (ROOT / "figures/published").glob("*.png"))
    assert len(names) >= 10 and names == sorted(path.name for path in (made.folder / "figures/published").glob("*.png"))
    for name in names:
        ours, theirs = (images.imread(place / "figures/published" / name) for place in (made.folder, ROOT))
        assert ours.shape == theirs.shape and float(np.abs(ours - theirs).mean()) < 0.01, name
        ours, theirs = (pd.read_csv(place / "figures/published" / name.replace(".png", ".csv")) for place in (made.folder, ROOT))
        pd.testing.assert_frame_equal(ours, theirs, atol=1e-5)


@pytest.mark.nightly
def test_another_seed_moves_intervals_and_nothing_else(made: Workspace, tmp_path: Path) -> None:
    other = made.copy(tmp_path / "project")
    other.edit(seed=5)
    assert set(other.planned()) == {"published", "all"}
    other.snakemake("--quiet", "rules")
    before, after = (json.loads(place.read("results/published/metrics.json")) for place in (made, other))
    assert before["350M"] == after["350M"]
    assert made.read("results/published/tables/by_corpus_dialogue.csv") != other.read("results/published/tables/by_corpus_dialogue.csv")


def test_old_figures_and_page_stay_where_new_ones_cannot_be_made(made: Workspace, tmp_path: Path) -> None:
    other = made.copy(tmp_path / "project")
    before = {
        path: path.read_bytes() for path in [*other.folder.glob("figures/published/*"), other.folder / "results/published/report.html"]
    }
    (rows,) = other.folder.glob("data/published/**/classification.csv")
    header, rest = rows.read_bytes().split(b"\n", 1)
    rows.unlink()
    rows.write_bytes(header.replace(b"piqa", b"pika") + b"\n" + rest)
    other.edit(seed=5)
    other.snakemake("--quiet", "rules", code=1)
    assert len(before) > 20 and before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize("how", ["truncated", "changed"])
def test_a_damaged_file_is_refused_by_its_hash(made: Workspace, tmp_path: Path, how: str) -> None:
    other = made.copy(tmp_path / "project")
    mirror = tmp_path / "mirror/upstream_gap"
    for folder in ("full_results", "data/train_data"):
        (mirror / folder).mkdir(parents=True)
        for path in (Path(str(MIRROR)) / "upstream_gap" / folder).iterdir():
            content = path.read_bytes()
            damaged = content[:-1] if how == "truncated" else content.replace(b"0.4", b"0.5", 1)
            (mirror / folder / path.name).write_bytes(damaged if path.name == "classification.csv" else content)
    text = other.run(
        "gap", "fetch-upstream", "full_results/classification.csv", "--out", "x.csv", code=4, GAP_MIRROR=str(tmp_path / "mirror")
    )  # fmt: skip
    assert "SHA-256" in text and "8f706748226d" in text and not (other.folder / "x.csv").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("resamples", 5, "greater than or equal to 100"), ("level", 1.5, "less than 1"), ("texts", 3, "unknown key")],
)
def test_wrong_parameters(made: Workspace, tmp_path: Path, key: str, value: object, message: str) -> None:
    other = made.copy(tmp_path / "project")
    other.edit(**{f"studies__published__published__{key}": value})
    text = other.run("snakemake", "-n", code=1)
    assert key in text and message in text
