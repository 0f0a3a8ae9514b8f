"""The chain behind a file: complete, true to the plan's paths, checked against the files, and said in one paragraph where it breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.checksums import record_of
from gap.core.digest import file_digest
from gap.core.errors import BadInput, Refused
from gap.core.files import read_json, write_json, write_text
from gap.plan.graph import read_document
from gap.plan.light import activity_path, records_of
from gap.provenance.activities import activities_of
from gap.provenance.chain import Chain, of_study
from gap.provenance.chain import chain as chain_of
from gap.provenance.tree import tree_lines

FIGURE = "figures/demo/figure1_dialogue.png"


def plan() -> dict:
    return read_json(Path("results/demo/plan.json"))


def chain(file: Path) -> Chain:
    name, study = of_study(file)
    return chain_of(name, read_document(study, Path("params.yaml")))


def stages(file: str) -> set[str]:
    return {activity.stage for activity in chain(Path(file)).activities.values()}


def test_a_figures_chain_reaches_texts_models_and_items(study: Path) -> None:
    sources = {"source docs", "source turns", "source code"}
    computed = {"aggregate", "estimate", "evaluate", "posttrain", "describe", "models", "tokenizer", "corpora", "fetch-items"}
    assert stages(FIGURE) == {"figures"} | computed | sources
    assert stages("results/demo/report.html") >= {"report", "tables", "figures", "overlap", "boundary", "noise", "export-nano-s"}


def test_each_kind_of_file_has_a_chain_of_its_own(study: Path) -> None:
    document = plan()
    of_runs, of_base = (
        next(entry["path"] for entry in document["scores"] if entry["model"] == model and entry["task"] == "piqa")
        for model in ("nano-s", "nano-m")
    )
    inputs = chain(Path(of_runs)).activity.inputs
    assert [Path(name).parts[:3] for name in inputs[:2]] == [("data", "demo", "models"), ("data", "demo", "items")]
    assert document["trajectories"][0] in inputs and sum(name.startswith("data/demo/corpora/") for name in inputs) == 3
    assert stages(of_base) == {"evaluate", "models", "tokenizer", "fetch-items", "source docs", "source turns"}
    folder = document["models"]["nano-s"]["folder"]
    assert stages(folder) == stages(f"{folder}/config.json") == stages(f"{folder}/provenance.json")
    assert stages(folder) == {"models", "tokenizer", "source docs", "source turns"}
    assert chain(Path("checkpoints/demo/nano-s")).activity.stage == "export-nano-s"
    assert chain(Path("results/demo/metrics.json")).activity.stage == "aggregate"
    assert chain(Path("figures/demo/figure1_dialogue.png").absolute()).file == FIGURE


def test_every_output_of_the_plan_has_a_activity_and_every_input_too(study: Path) -> None:
    document = plan()
    activities = activities_of(document)
    files = {path for activity in activities.values() for path in activity.files}
    folders = {"figures", "checkpoints"}
    assert {path for name, path in document["light"].items() if name not in folders} <= files
    assert {entry["path"] for entry in document["scores"]} | set(document["trajectories"]) | set(document["features"]) <= files
    assert {name for activity in activities.values() for name in activity.inputs} <= set(activities)


def test_json_holds_the_records_and_digests(study: Path) -> None:
    done = CliRunner().invoke(app, ["provenance", FIGURE, "--json"])
    assert done.exit_code == 0
    found = json.loads(done.output)
    assert found["sha256"] == file_digest(Path(FIGURE)) and found["study"] == "demo" and found["plan"] == plan()["digest"]
    made_by = found["activities"][found["made_by"]]
    assert made_by["stage"] == "figures" and made_by["files"][FIGURE] == {"sha256": found["sha256"], "here": True}
    assert made_by["record"].startswith("results/demo/activities/figures-") and "gap.figures.stage" in made_by["code"]
    assert {"machine", "versions", "started", "finished", "command"} <= set(made_by["facts"])
    source = found["activities"]["source docs"]
    assert source["facts"]["settings"]["content"] == "docs" and source["facts"]["inputs"] == read_json(Path("results/demo/inputs.json"))
    scores = next(activity for activity in found["activities"].values() if activity["stage"] == "evaluate")
    assert scores["code"] == {"gap.evaluate.job": "v6"}  # its record's, not the plan's


def test_the_tree_tells_each_stage_once(study: Path) -> None:
    lines = tree_lines(chain(Path(FIGURE)))
    assert lines[0].startswith(f"{FIGURE}  (study demo, plan ")
    told = [line for line in lines if "─ models" in line and "(above)" not in line]
    assert len(told) == 1 and sum("─ models" in line for line in lines) > 1
    assert any("none is written for these files" in line for line in lines)  # the tokenizer's
    assert any("not recorded command" in " ".join(line.split()) for line in lines)  # these tests are no command of gap
    assert any(" machine " in line and "cores, Linux" in line for line in lines) and max(map(len, lines)) < 160


def test_a_changed_file_is_refused_wherever_it_stands_in_the_chain(study: Path) -> None:
    document = plan()
    weights = f"{document['models']['nano-s']['folder']}/model.safetensors"
    for path in (FIGURE, document["scores"][0]["path"], weights):
        content = Path(path).read_bytes()
        Path(path).write_bytes(content + b"x")
        with pytest.raises(Refused, match=r"as .* says") as error:
            chain(Path(FIGURE))
        assert error.value.where == path and error.value.exit_code == 4
        Path(path).write_bytes(content)
    assert chain(Path(FIGURE)).activity.stage == "figures"


def test_what_is_not_here_or_not_recorded_is_said(study: Path) -> None:
    [record] = records_of(Path("results/demo"), "figures")
    activity_path(record).unlink()  # a clone without the files of DVC
    Path(plan()["trajectories"][0]).unlink()
    lines = [" ".join(line.replace("│", "").split()) for line in tree_lines(chain(Path(FIGURE)))]
    assert "digests 0 as on record, 25 not recorded, 0 not here" in lines
    assert "not recorded command, finished, commit, machine, software" in lines
    assert "digests 3 as on record, 0 not recorded, 1 not here" in lines
    record.unlink()
    lines = [" ".join(line.replace("│", "").split()) for line in tree_lines(chain(Path(FIGURE)))]
    assert "record none is written for these files" in lines


@pytest.mark.parametrize("content", ["{", "[]", '{"key": "0"}', '{"stage": 3}'])
def test_a_damaged_record_is_named(study: Path, content: str) -> None:
    record = record_of(Path(plan()["scores"][5]["path"]))
    record.write_text(content)
    with pytest.raises(BadInput, match=r"JSON|stage") as error:
        chain(Path(FIGURE))
    assert str(record) in error.value.where


def test_a_file_of_earlier_settings_has_its_record_alone(study: Path) -> None:
    path = Path(plan()["trajectories"][0])
    other = path.with_name("ascent-texts-0000-0001-00000000.parquet")
    other.write_bytes(path.read_bytes())
    record_of(other).write_bytes(record_of(path).read_bytes())
    found = chain(other)
    assert found.activity.stage == "posttrain" and found.activity.inputs == () and len(found.activities) == 1


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("params.yaml", "not a file of a study"),
        ("/etc/hostname", "not a file of a study"),
        ("results/demo/../../params.yaml", "not a file of a study"),
        ("results/other/metrics.json", "no such file"),
        ("results/demo/nothing.csv", "no such file"),
        ("results/demo/plan.json", "no result of a job"),
        ("results/demo/scores", "a folder of 60 results"),
    ],
)
def test_what_is_no_result_is_refused_in_one_paragraph(study: Path, file: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        chain(Path(file))


def test_a_plan_without_stages_is_completed_by_params_of_the_same_study_alone(study: Path) -> None:
    document = plan()
    write_json(Path("results/demo/plan.json"), {name: value for name, value in document.items() if name not in ("stages", "tokenizers")})
    assert read_document("demo", Path("params.yaml"))["stages"] == document["stages"]
    write_text(Path("params.yaml"), Path("params.yaml").read_text().replace("seed: 2306", "seed: 2307"))
    with pytest.raises(BadInput, match="made for other parameters"):
        read_document("demo", Path("params.yaml"))
