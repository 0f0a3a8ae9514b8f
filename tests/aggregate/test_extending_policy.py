"""The worked example "A selection policy" of docs/extending.md: one new file, new rows, and every other row as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from extending import Copy
from synthetic import build
from synthetic_plan import CONTROLLED

from gap.aggregate.stage import aggregate
from gap.core.files import read_json

AGGREGATE = "import json, sys; from gap.aggregate.stage import aggregate; aggregate(json.loads(sys.argv[1]))"


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """A study aggregated without and with the policy."""
    folder = tmp_path_factory.mktemp("controlled")
    before = read_json(build(folder, CONTROLLED))
    aggregate(before)
    copy = Copy(folder / "project", "A selection policy")
    copy.check_style()
    after = before | {"light": {name: str(folder / "after" / Path(path).name) for name, path in before["light"].items()}}
    copy.python(AGGREGATE, json.dumps(after))
    return before, after


def read(plan: dict[str, Any], name: str) -> pd.DataFrame:
    path = Path(plan["light"][name])
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("name", ["selections", "estimates", "contrasts", "familiarity"])
def test_one_file_gives_rows_and_leaves_the_others(plans: tuple[dict[str, Any], dict[str, Any]], name: str) -> None:
    before, after = (read(plan, name) for plan in plans)
    before["policy"], after["policy"] = before["policy"].astype(str), after["policy"].astype(str)
    is_new = after["policy"] == "first"
    assert is_new.sum() == (before["policy"] == "last").sum() > 0
    pd.testing.assert_frame_equal(after[~is_new].reset_index(drop=True), before)


def test_the_policy_picks_the_first_update(plans: tuple[dict[str, Any], dict[str, Any]]) -> None:
    selections = read(plans[1], "selections")
    assert set(selections.loc[selections["policy"] == "first", "step"]) == {1}
    assert {"dialogue_step_first", "classification_gain_first"} <= set(read(plans[1], "plot_runs"))
