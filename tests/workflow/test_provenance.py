"""A real study: the chain behind its files is whole, it becomes a crate, nothing in it holds a secret, and failed jobs are noted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Workspace

pytestmark = pytest.mark.workflow
FIGURE = "figures/tiny/figure1_dialogue.png"


def test_each_job_of_a_real_study_left_a_whole_record(finished: Workspace) -> None:
    found = json.loads(finished.run("gap", "provenance", FIGURE, "--json"))
    assert found["made_by"] in found["activities"] and found["activities"][found["made_by"]]["files"][FIGURE]["sha256"] == found["sha256"]
    made = {name: activity for name, activity in found["activities"].items() if activity["files"]}
    assert {activity["stage"] for activity in made.values() if not activity["record"]} == {"tokenizer"}
    for name, activity in made.items():
        assert all(file["here"] and file["sha256"] for file in activity["files"].values()), name
        if activity["record"]:
            facts = activity["facts"]
            assert facts["command"][0] == "gap" and facts["git"]["commit"] and facts["machine"]["system"] == "Linux", name
            assert "cpu" in facts["machine"] and facts["started"] <= facts["finished"] and activity["code"], name
    assert "source words" in found["activities"] and found["activities"]["source words"]["facts"]["inputs"]
    # an input of an activity stands in its command: the plan and the rules agree
    run = next(activity for activity in made.values() if activity["stage"] == "posttrain")
    command = " ".join(run["facts"]["command"])
    assert all(name in command or str(Path(name).parent) in command for name in run["inputs"])


def test_a_real_study_becomes_a_crate(finished: Workspace, tmp_path: Path) -> None:
    finished.run("gap", "crate", "tiny", "--out", str(tmp_path / "crate"))
    graph = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())["@graph"]
    jobs = [entity for entity in graph if entity["@id"].startswith("#job-")]
    assert len(jobs) > 10 and sum("startTime" in job for job in jobs) >= len(jobs) - 1  # all but the tokenizer's
    assert any(entity.get("name") == "input/words.txt" or "input/words.txt" in entity.get("description", "") for entity in graph)


def test_no_secret_of_the_environment_is_left_behind(finished: Workspace) -> None:
    left = [path for path in finished.folder.rglob("*") if path.is_file() and ".git/" not in str(path)]
    assert {"said.txt", "report.html", "plan.json", "dvc.lock"} <= {path.name for path in left}
    assert any(path.suffix == ".log" for path in left) and any(path.name.endswith(".provenance.json") for path in left)
    here = Path(__file__).parent
    found = [
        path
        for path in left
        if b"Planted" in path.read_bytes() and path.name not in {each.name for each in here.glob("*.py")} | {"test_secrets.py"}
    ]
    assert not found


def test_a_failed_job_is_noted(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    listed = workspace.folder / "results/tiny/logs/failed.jsonl"
    before = listed.read_text().splitlines()
    assert "since" in json.loads(before[0])
    next((workspace.folder / "results/tiny/provenance").glob("tables-*.json")).unlink()
    selections = workspace.folder / "results/tiny/observations/selections.parquet"
    selections.unlink()  # a link of DVC's may be shared
    selections.write_bytes(b"damaged")
    workspace.snakemake(code=1)
    assert [json.loads(line)["rule"] for line in listed.read_text().splitlines()[len(before) :]] == ["make_tables"]
