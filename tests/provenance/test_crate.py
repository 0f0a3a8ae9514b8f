"""A finished study as a crate: every reference resolves, files are whole, times and digests are those on record, the validator agrees."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.digest import file_digest
from gap.core.errors import BadInput, Refused
from gap.core.files import read_json
from gap.provenance.crate import PROFILES, write_crate

METADATA = "ro-crate-metadata.json"
#: A Python with roc-validator, whose pins are not this project's.
VALIDATOR = os.environ.get("GAP_CRATE_PYTHON") or (sys.executable if importlib.util.find_spec("rocrate_validator") else None)
LARGEST = 10_000_000


def plan() -> dict[str, Any]:
    return read_json(Path("results/demo/plan.json"))


def entities(folder: Path) -> dict[str, dict[str, Any]]:
    graph = read_json(folder / METADATA)["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def references(value: Any) -> Iterator[str]:
    """Ids that the properties of an entity refer to."""
    if isinstance(value, dict):
        yield from [value["@id"]] if set(value) == {"@id"} else (found for part in value.values() for found in references(part))
    elif isinstance(value, list):
        yield from (found for part in value for found in references(part))


def dangling(folder: Path) -> set[str]:
    """References to nothing in the crate, and files that it lacks; addresses on the web stand for themselves."""
    found = entities(folder)
    named = {id for entity in found.values() for key, value in entity.items() if key[0] != "@" for id in references(value)}
    gone = {id for id, entity in found.items() if "File" in entity["@type"] and not (folder / id).is_file()}
    return {id for id in named - set(found) if not id.startswith("https://")} | gone


def test_a_dangling_reference_would_be_seen(tmp_path: Path) -> None:
    graph = [{"@id": "./", "@type": "Dataset", "hasPart": [{"@id": "a"}, {"@id": "b"}]}, {"@id": "a", "@type": "File"}]
    (tmp_path / METADATA).write_text(json.dumps({"@graph": graph}))
    assert dangling(tmp_path) == {"a", "b"}


def test_the_crate_holds_workflow_jobs_files_software_and_licences(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "crate"
    done = CliRunner().invoke(app, ["crate", "demo", "--out", str(out), "--agent", "A. Person"])
    assert done.exit_code == 0, done.output
    assert dangling(out) == set()
    found = entities(out)
    root = found["./"]
    assert {part["@id"] for part in root["conformsTo"]} == set(PROFILES) and root["license"] == {
        "@id": "https://spdx.org/licenses/Apache-2.0"
    }
    assert root["mainEntity"] == {"@id": "workflow/Snakefile"} and "ComputationalWorkflow" in found["workflow/Snakefile"]["@type"]
    files = {id for id, entity in found.items() if "File" in entity["@type"]}
    assert {"params.yaml", "workflow/rules/evaluate.smk", "constraints.txt", "results/demo/plan.json", "results/demo/inputs.json"} <= files
    assert {path for name, path in plan()["light"].items() if name not in ("figures", "checkpoints")} <= files
    for id in files - {"workflow/Snakefile"}:
        assert found[id]["sha256"] == file_digest(Path(id)) == file_digest(out / id)
    jobs = [entity for id, entity in found.items() if id.startswith("#job-")]
    record = read_json(Path(plan()["scores"][0]["path"]).with_suffix(".provenance.json"))
    [job] = [entity for entity in jobs if entity["@id"] == f"#job-{plan()['scores'][0]['path']}"]
    assert (job["startTime"], job["endTime"]) == (record["started"], record["finished"]) and job["agent"] == {"@id": "#agent-A.-Person"}
    assert record["machine"]["system"] in job["description"] and job["instrument"] == {"@id": "#tool-evaluate"}
    assert found["#run"]["startTime"] <= job["startTime"] <= job["endTime"] <= found["#run"]["endTime"] == root["datePublished"]
    assert any(entity.get("softwareVersion") == record["versions"]["numpy"] and entity["name"] == "numpy" for entity in found.values())
    assert found["#source-docs"]["license"] == "PSF-2.0"


def test_large_files_are_named_by_their_digests(study: Path, tmp_path: Path) -> None:
    document = plan()
    weights = Path(document["models"]["nano-s"]["folder"]) / "model.safetensors"
    made = write_crate(document, tmp_path / "crate", weights.stat().st_size - 1)
    assert made.named > 0 and made.copied > 0 and dangling(tmp_path / "crate") == set()
    assert not (tmp_path / "crate" / weights).exists()
    [entity] = [entity for entity in entities(tmp_path / "crate").values() if entity.get("name") == str(weights)]
    assert entity["@id"].startswith("ni:///sha-256;") and entity["sha256"] == file_digest(weights)
    assert "agent" not in entities(tmp_path / "crate")["#run"]  # no record says who


def test_all_files_are_copied_where_none_is_too_large(study: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["crate", "demo", "--out", str(tmp_path / "crate"), "--largest", "inf"])
    assert done.exit_code == 0 and done.output.endswith("and 0 larger ones by their digests\n")
    with pytest.raises(BadInput, match="--largest: not a number"):
        write_crate(plan(), tmp_path / "other", float("nan"))
    assert not (tmp_path / "other").exists()


def test_what_cannot_become_a_crate_is_said(study: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(BadInput, match="a folder that holds files"):
        write_crate(plan(), tmp_path / "full", LARGEST)
    table = Path(plan()["scores"][0]["path"])
    content = table.read_bytes()
    table.write_bytes(b"other")
    with pytest.raises(Refused, match=table.name):
        write_crate(plan(), tmp_path / "crate", LARGEST)
    table.unlink()
    with pytest.raises(BadInput, match="1 files of the study are not here"):
        write_crate(plan(), tmp_path / "crate", LARGEST)
    table.write_bytes(content)


@pytest.mark.slow
@pytest.mark.skipif(VALIDATOR is None, reason="GAP_CRATE_PYTHON names no Python with roc-validator")
def test_the_validator_finds_nothing_that_is_required(study: Path, tmp_path: Path) -> None:
    out = tmp_path / "crate"
    write_crate(plan(), out, LARGEST)

    def issues() -> list[str]:
        script = Path(__file__).resolve().parents[1] / "support/validate_crate.py"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [str(VALIDATOR), str(script), str(out), "provenance-run-crate"], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    assert issues() == []
    metadata = read_json(out / METADATA)
    for entity in metadata["@graph"]:
        if entity["@id"] == "#run":
            del entity["instrument"]
    (out / METADATA).write_text(json.dumps(metadata))
    assert any("instrument" in issue for issue in issues())
