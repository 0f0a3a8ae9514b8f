"""Two runs from scratch give the same bits, also where processes share the model; another seed gives others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from .conftest import Workspace, assert_same_bits, from_scratch

pytestmark = pytest.mark.workflow


@pytest.mark.nightly  # test_freshness.py computes each job twice too, and compares
def test_two_runs_from_scratch_are_identical_bit_for_bit(finished: Workspace, tmp_path: Path) -> None:
    assert_same_bits(from_scratch(finished, tmp_path / "project"), finished)


@pytest.mark.nightly
def test_two_processes_that_share_the_model_give_what_one_gives(finished: Workspace, tmp_path: Path) -> None:
    again = from_scratch(finished, tmp_path / "project", studies__tiny__jobs={"texts_per_job": 2, "device": "cpu", "devices": 2})
    for name in ("run_scores", "selections", "text_features", "trajectories"):
        shared, alone = (pd.read_parquet(each.folder / f"results/tiny/observations/{name}.parquet") for each in (again, finished))
        own = [column for column in alone.columns if column != "seconds"]
        pd.testing.assert_frame_equal(shared[own], alone[own], check_exact=name in ("run_scores", "selections"), rtol=1e-6, atol=0)
    assert again.read("results/tiny/metrics.json") == finished.read("results/tiny/metrics.json")
    assert again.read("checkpoints/tiny/pico/model.safetensors") == finished.read("checkpoints/tiny/pico/model.safetensors")
    provenance = [path.read_text() for path in (again.folder / "results/tiny").rglob("*.provenance.json")]
    assert sum('"devices": 2' in text for text in provenance) >= 4  # features, run, scores


@pytest.mark.nightly
def test_another_seed_gives_other_texts_weights_and_scores(finished: Workspace, tmp_path: Path) -> None:
    other = from_scratch(finished, tmp_path / "project", seed=7)
    for name in ("observations/run_scores.parquet", "observations/texts.parquet"):
        assert other.read(f"results/tiny/{name}") != finished.read(f"results/tiny/{name}")
    assert other.read("checkpoints/tiny/pico/model.safetensors") != finished.read("checkpoints/tiny/pico/model.safetensors")
