"""``gap verify`` on files: exit codes, recording, and what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from rescorable import rescorable
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.errors import BadInput
from gap.core.files import read_json, write_json
from gap.core.tables import read_table, write_table
from gap.verify.snapshot import read, save, snapshot

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A study in place of the demo, with expectations of it."""
    for name in ("params.yaml", "preregistration.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    document = rescorable(tmp_path / "study")
    write_json(Path("results/demo/plan.json"), document)
    assert verify("--record").exit_code == 0
    return document


def verify(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["verify", "demo", *arguments])


def flip(plan: dict[str, Any], task: str) -> tuple[str, int]:
    """Turn one answer of a run over; the run's text and step."""
    entry = next(entry for entry in plan["scores"] if entry["task"] == task and entry["model"] == "tiny")
    rows = read_table(Path(entry["path"]), "item_scores")
    planned = {run["run"] for run in plan["runs"]}
    at = rows.index[rows["run"].isin(planned) & (rows["step"] == 2) & (rows["item"] == 3)][0]
    right = bool(rows.at[at, "correct"])
    rows.at[at, "correct"], rows.at[at, "prediction"] = not right, rows.at[at, "gold"] if not right else 1 - rows.at[at, "gold"]
    write_table(rows, Path(entry["path"]), "item_scores")
    row = rows.loc[at]
    return f"tiny/{row['method']}/{row['corpus']}/{row['text']}/2", 1


def test_the_same_results_exit_with_0_and_one_line(plan: dict[str, Any]) -> None:
    done = verify()
    assert done.exit_code == 0 and done.stdout.startswith("verify   as expected, bit for bit") and len(done.stdout.splitlines()) == 1
    assert json.loads(verify("--json").stdout)["verdict"] == "as expected"


def test_a_flipped_item_exits_with_1_and_is_named(plan: dict[str, Any]) -> None:
    name, _ = flip(plan, "piqa")
    done = verify()
    assert done.exit_code == 1 and done.stdout.splitlines()[0].startswith("verify   different")
    assert f"  {name}: score in classification" in done.stdout and "piqa/validation" in done.stdout
    found = json.loads(verify("--json").stdout)
    assert found["verdict"] == "different" and found["passed"] == found["compared"] - 1 and found["beyond"][0].startswith(name)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--record", "--repeat", "x"), "--record and --repeat: both"),
        (("--record", "--against", "authors"), "--against authors: the authors' released rows"),
        (("--repeat", "x", "--against", "authors"), "--against authors: the authors' released rows"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=problem):
        CliRunner().invoke(app, ["verify", "demo", *arguments], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_results_as_a_repeat_set_the_tolerance(plan: dict[str, Any]) -> None:
    flip(plan, "piqa")
    assert verify("--repeat", "another machine").exit_code == 0
    expected = read(Path("expectations/demo.json"))
    assert [each["label"] for each in expected["repeats"]] == ["another machine"] and expected["repeats"][0]["rms"]["score"][
        "classification"
    ] > 0
    assert verify("--record").exit_code == 0  # what is expected changes, what is known of noise stays
    assert read(Path("expectations/demo.json"))["repeats"] == expected["repeats"]


def test_what_is_missing_exits_with_2(plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(plan["scores"][0]["path"])
    kept = path.read_bytes()
    path.unlink()
    for cause, arguments in (("1 of 6 files of item scores are not here", ()), ("no such file", ("--against", "none.json"))):
        refused = verify(*arguments)
        assert isinstance(refused.exception, BadInput) and refused.exception.exit_code == 2 and cause in str(refused.exception)
    path.write_bytes(kept)
    write_json(Path("broken.json"), {"study": "demo"})
    assert "broken.json, settings: nothing" in str(verify("--against", "broken.json").exception)
    good = read_json(Path("expectations/demo.json"))
    repeat = {"label": "r", "kind": "machine", "content": "c", "rms": {"score": {}, "log_probability": {}, "gain": {}}}
    sums = good["checkpoints"]["tiny/base"]
    for part, value, where in (
        ("checkpoints", {"tiny/base": [[1, 2]]}, "checkpoints.tiny/base: 1 tasks"),
        ("checkpoints", {"tiny/base": [[1, 2, 3], *sums[1:]]}, "checkpoints.tiny/base.0: [1, 2, 3]"),
        ("checkpoints", {"tiny/base": [["1", 2], *sums[1:]]}, "checkpoints.tiny/base.0.0: '1'"),
        ("checkpoints", {"a/b": sums}, "checkpoints: a/b"),
        ("checkpoints", {"tiny/up/seen/0/1": sums}, "checkpoints: tiny/up/seen/0/1"),
        ("tasks", good["tasks"] | {"x": {"group": "dialogue", "items": 0}}, "tasks.x.items: 0"),
        ("floor", {"dialogue": 5}, "floor.dialogue: 5"),
        ("repeats", [{}], "repeats.0.label: nothing"),
        ("repeats", [{name: value for name, value in repeat.items() if name != "label"}], "repeats.0.label: nothing"),
        ("repeats", [repeat | {"rms": {"score": 1, "log_probability": 1, "gain": 1}}], "repeats.0.rms.gain: 1"),
        ("repeats", [repeat | {"rms": {"score": {}}}], "repeats.0.rms: {'score': {}}"),
    ):
        write_json(Path("broken.json"), good | {part: value})
        refused = verify("--against", "broken.json").exception
        assert isinstance(refused, BadInput) and f"broken.json, {where}" in str(refused), refused
    Path("expectations/demo.json").unlink()
    assert "no expectations of this study" in str(verify().exception)
    write_json(Path("results/demo/plan.json"), {"study": {"name": "demo"}, "light": {}})
    assert "runs no model" in str(verify().exception)


def test_what_is_no_file_of_expectations_is_not_recorded_over(plan: dict[str, Any]) -> None:
    Path("expectations/demo.json").write_text("{")
    assert "remove it and record it anew" in str(verify("--record").exception)
    Path("expectations/demo.json").unlink()
    assert verify("--record").exit_code == 0 and verify().exit_code == 0


def test_a_snapshot_is_read_as_it_was_written_a_checkpoint_a_line(plan: dict[str, Any], tmp_path: Path) -> None:
    found = snapshot(read_json(Path("results/demo/plan.json")))
    save(tmp_path / "x.json", found)
    assert read(tmp_path / "x.json") == found
    lines = (tmp_path / "x.json").read_text().splitlines()
    assert sum(line.startswith('  "tiny/up/seen/0/') for line in lines) == 3


def test_sums_are_those_of_the_rows(plan: dict[str, Any]) -> None:
    found = snapshot(plan)
    entry = next(entry for entry in plan["scores"] if entry["task"] == "blended_skill_talk" and entry["model"] == "tiny")
    rows = read_table(Path(entry["path"]), "item_scores")
    rows = rows[(rows["method"] == "up") & (rows["corpus"] == "code") & (rows["text"] == 0) & (rows["step"] == 1)]
    place = list(found["tasks"]).index("blended_skill_talk/validation")
    assert found["checkpoints"]["tiny/up/code/0/1"][place] == pytest.approx([rows["f1"].sum(), -rows["nll"].sum()], abs=1e-6)
    entry = next(entry for entry in plan["scores"] if entry["task"] == "math_qa" and entry["model"] == "huge")
    rows = read_table(Path(entry["path"]), "item_scores").query("item < 12")
    place = list(found["tasks"]).index("math_qa/validation")
    total = sum(float(value) for values in rows["log_probabilities"] for value in values)
    assert found["checkpoints"]["huge/base"][place] == pytest.approx([rows["correct"].sum(), total], abs=1e-6)


def test_the_order_of_rows_and_the_digest_of_runs_do_not_count(plan: dict[str, Any]) -> None:
    before = snapshot(plan)["tables"]
    path = Path(plan["scores"][-1]["path"])
    rows = read_table(path, "item_scores").iloc[::-1]
    write_table(rows, path, "item_scores")
    assert snapshot(plan)["tables"] == before


def test_verify_loads_no_heavy_library() -> None:
    program = "import sys, gap.verify.verdict; print({'torch', 'transformers', 'matplotlib', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "set()"
