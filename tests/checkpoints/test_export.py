"""The best checkpoint of a model, exported once."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gap.checkpoints.catalogue import catalogue
from gap.checkpoints.export import best_checkpoint, export
from gap.core.checksums import check_sums
from gap.core.errors import BadInput
from gap.core.tables import read_table, write_table
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.runtime.runtime import Runtime

OUT = Path("checkpoints/demo/nano")


def test_the_best_checkpoint_of_the_studys_own_method_is_rebuilt(plan: dict[str, Any]) -> None:
    """Soups score higher in this study, and are another method."""
    export(plan, "nano", OUT, Runtime("cpu", 1))
    recipe = json.loads((OUT / "gap_recipe.json").read_text())
    assert (recipe["method"], recipe["corpus"], recipe["text"], recipe["step"]) == ("ascent", "prose", 1, 2)
    assert recipe["all"] == pytest.approx(0.52) and recipe["split"] == "validation"
    assert weights_digest(load_model(OUT)) == recipe["digest"] == recipe["weights"]
    assert (OUT / "tokenizer.json").exists()


def test_a_checkpoint_that_is_there_is_only_touched(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    export(plan, "nano", OUT, Runtime("cpu", 1))
    before = (OUT / "model.safetensors").read_bytes()
    os.utime(OUT / "model.safetensors", (1, 1))
    monkeypatch.setattr("gap.checkpoints.export.materialise", lambda *_: pytest.fail("rebuilt"))
    export(plan, "nano", OUT, Runtime("cpu", 1))
    assert (OUT / "model.safetensors").read_bytes() == before and (OUT / "model.safetensors").stat().st_mtime > 10**9


def test_other_scores_of_the_same_checkpoint_go_into_its_recipe(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As after more items were scored."""
    export(plan, "nano", OUT, Runtime("cpu", 1))
    before = json.loads((OUT / "gap_recipe.json").read_text())
    rows = read_table(Path(plan["light"]["run_scores"]), "run_scores")
    write_table(rows.assign(value=rows["value"] + 0.125), Path("more.parquet"), "run_scores")
    plan["light"]["run_scores"] = "more.parquet"
    monkeypatch.setattr("gap.checkpoints.export.materialise", lambda *_: pytest.fail("rebuilt"))
    export(plan, "nano", OUT, Runtime("cpu", 1))
    after = json.loads((OUT / "gap_recipe.json").read_text())
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"all", "classification", "dialogue"} and after["all"] == pytest.approx(before["all"] + 0.125)
    check_sums(OUT.iterdir())


def test_ties_go_to_the_smallest_corpus_text_and_step(plan: dict[str, Any]) -> None:
    tied = [replace(one, scores={"all": 0.5}) for one in reversed(catalogue(plan))]
    best = best_checkpoint(tied, "nano", "ascent")
    assert (best.corpus, best.text, best.step) == ("code", 0, 1)


def test_a_model_without_scored_runs(plan: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="no scored run"):
        export(plan, "reference", OUT, Runtime("cpu", 1))
    unscored = [replace(one, scores={"all": float("nan")}) for one in catalogue(plan)]
    with pytest.raises(BadInput, match="no scored run"):
        best_checkpoint(unscored, "nano", "ascent")
