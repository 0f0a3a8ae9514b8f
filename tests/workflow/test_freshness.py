"""The freshness contract (docs/architecture.md): what exists is never recomputed, what changed is never reused."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import RULES_BEFORE, RULES_LIGHT, Workspace, assert_same_bits, from_scratch, words

pytestmark = [pytest.mark.workflow, pytest.mark.usefixtures("preloaded")]

RATE = 0.004
METRICS = "results/tiny/metrics.json"


@pytest.fixture
def clone(finished: Workspace, tmp_path: Path) -> Workspace:
    """What a colleague has after `git clone` and `dvc pull`."""
    workspace = finished.clone(tmp_path / "clone")
    workspace.dvc("pull", "-q")
    return workspace


@pytest.fixture(scope="module")
def changed(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The study with the changed learning rate, computed from nothing but the sources."""
    return from_scratch(finished, tmp_path_factory.mktemp("changed") / "project", gap__learning_rate=RATE)


def nothing_changed(workspace: Workspace) -> bool:
    """Whether `dvc status` finds no change, having taken the inputs' digests anew."""
    workspace.run("gap", "inputs")
    return json.loads(workspace.dvc("status", "--json")) == {"inputs@tiny": ["always changed"]}


def test_a_second_run_wants_nothing(finished: Workspace) -> None:
    assert finished.planned() == {}
    assert nothing_changed(finished)


def test_statistics_are_computed_from_item_scores_alone_and_are_the_committed_ones(finished: Workspace, tmp_path: Path) -> None:
    clone = finished.clone(tmp_path / "clone")
    assert "dvc pull results/tiny/scores results/tiny/observations" in clone.run("gap", "statistics", code=2)
    clone.dvc("pull", "-q", "results/tiny/scores", "results/tiny/observations")
    assert not (clone.folder / "data/tiny").exists(), "no model, text or item"
    assert " 0 changed, 0 new" in clone.run("gap", "statistics")
    assert clone.git("status", "--porcelain") == ""
    verdicts = clone.folder / "results/tiny/verdicts.json"
    verdicts.write_text(verdicts.read_text().replace("undecided", "supported"))
    assert "\n  results/tiny/verdicts.json\n" in clone.run("gap", "statistics", code=1)
    assert clone.git("status", "--porcelain") == ""


@pytest.mark.parametrize("command", [("dvc", "repro"), pytest.param(("snakemake", "--cores", "2"), marks=pytest.mark.nightly)])
def test_clone_and_pull_want_nothing_and_a_change_reaches_exactly_what_depends_on_it(
    clone: Workspace, finished: Workspace, changed: Workspace, command: tuple[str, ...]
) -> None:
    """Whether DVC starts Snakemake or a user does.  Bit for bit what is made from scratch, and filed under the value that made it."""
    assert clone.planned() == {}
    assert nothing_changed(clone)

    clone.edit(gap__learning_rate=RATE)
    planned = clone.planned()
    assert planned["post_train"] == 1 and planned["evaluate_runs"] == 1
    assert set(planned) - {"post_train", "evaluate_runs"} == RULES_LIGHT
    assert not set(planned) & RULES_BEFORE

    clone.run(*command)
    assert clone.read(METRICS) != finished.read(METRICS)
    assert_same_bits(clone, changed)
    assert clone.planned() == {}
    difference = json.loads(clone.dvc("metrics", "diff", "--json"))
    [(path, entry)] = difference.items() if "diff" not in difference else difference["diff"].items()
    assert path == METRICS and any(value["diff"] for value in entry.values())

    clone.git("checkout", "-q", "params.yaml")
    assert set(clone.planned()) <= RULES_LIGHT
    clone.run(*command)
    assert clone.read(METRICS) == finished.read(METRICS)


def test_what_a_change_does_not_reach_has_the_same_bits_when_made_from_scratch(finished: Workspace, changed: Workspace) -> None:
    patterns = (
        "data/tiny/tokenizers/*/tokenizer.json",
        "data/tiny/items/*/*.jsonl",
        "data/tiny/models/*/model.safetensors",
        "data/tiny/corpora/*/*.parquet",
        "results/tiny/features/*/*.parquet",
    )
    found = [sorted(finished.folder.glob(pattern)) for pattern in patterns]
    assert all(found)
    for path in (path for paths in found for path in paths):
        name = str(path.relative_to(finished.folder))
        assert changed.read(name) == finished.read(name), name


@pytest.mark.nightly
def test_experiments_in_a_temporary_folder_compute_the_new_value(clone: Workspace, finished: Workspace, changed: Workspace) -> None:
    clone.dvc("exp", "run", "--temp", "-n", "faster", "-S", f"gap.learning_rate={RATE}")
    difference = json.loads(clone.dvc("metrics", "diff", "--json", "--all", "HEAD", "faster"))
    found = {key: value["new"] for key, value in difference.get("diff", difference)[METRICS].items()}
    wanted = {f"pico.{key}": value for key, value in json.loads(changed.read(METRICS))["pico"].items()}
    assert found == pytest.approx(wanted, abs=1e-9)
    assert clone.read(METRICS) == finished.read(METRICS)


@pytest.mark.nightly  # the clone above has no memory of Snakemake's either
def test_without_snakemakes_memory_a_change_is_still_seen(finished: Workspace, tmp_path: Path, changed: Workspace) -> None:
    workspace = finished.copy(tmp_path / "project")
    shutil.rmtree(workspace.folder / ".snakemake")
    assert workspace.planned() == {}
    workspace.edit(gap__learning_rate=RATE)
    assert not set(workspace.planned()) & RULES_BEFORE
    workspace.snakemake("--quiet", "rules")
    assert workspace.read(METRICS) == changed.read(METRICS)


def test_a_dry_run_touches_no_file(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    (workspace.folder / "sources.lock.json").unlink()
    workspace.edit(gap__learning_rate=RATE)

    def state() -> dict[Path, tuple[int, int]]:
        files = [path for path in workspace.folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts]
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files}

    before = state()
    assert workspace.planned()["post_train"] == 1
    assert state() == before


@pytest.fixture
def read_only(finished: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """A copy whose heavy files are links into a DVC cache that nobody can write, and whose results cannot be written either."""
    workspace = finished.copy(tmp_path / "project")
    workspace.dvc("config", "--local", "cache.type", "symlink")
    workspace.dvc("checkout", "--relink", "-q")
    places = [str(workspace.folder / name) for name in ("results", ".dvc/cache")]
    for number, place in enumerate(places):
        bound = subprocess.run(["mount", "--bind", place, place], capture_output=True).returncode == 0
        if not bound:
            for path in places[:number]:
                subprocess.run(["umount", path], check=True)
            pytest.skip("mounting needs root")
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
    yield workspace
    for place in places:
        subprocess.run(["umount", place], check=True)


def test_a_dry_run_needs_to_write_nothing(read_only: Workspace) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (read_only.folder / METRICS).touch()
    plan = json.loads(read_only.read("results/tiny/plan.json"))
    assert all((read_only.folder / entry["path"]).is_symlink() for entry in plan["scores"])
    assert read_only.planned() == {}
    read_only.edit(gap__learning_rate=RATE)
    planned = read_only.planned()
    assert set(planned) == {"post_train", "evaluate_runs"} | RULES_LIGHT and planned["evaluate_runs"] == 1
    text = read_only.snakemake("--quiet", "rules", code=1)
    assert text.rstrip().split("\n")[-1].startswith("gap: results/tiny") and "cannot be written" in text and "Traceback" not in text


def test_an_edited_input_file_is_noticed(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    path = workspace.folder / "input/words.txt"
    path.write_text(path.read_text().replace("The list", "A list"))
    assert {"build_tokenizer", "build_model", "sample_corpus", "post_train"} <= set(workspace.planned())


@pytest.mark.nightly  # a mirror that holds another text, below, is its sibling
def test_dvc_notices_an_edited_input_and_files_the_metric_under_the_text_that_made_it(clone: Workspace, finished: Workspace) -> None:
    path = clone.folder / "input/words.txt"
    old = json.loads(clone.read("results/tiny/inputs.json"))
    path.write_text(path.read_text().replace("The list", "A list"))
    assert not nothing_changed(clone)
    [changed] = json.loads(clone.dvc("status", "--json", "results@tiny"))["results@tiny"]
    assert changed == {"changed deps": {"results/tiny/inputs.json": "modified"}}

    clone.dvc("exp", "run", "-n", "edited")
    new = json.loads(clone.read("results/tiny/inputs.json"))
    assert new.keys() == old.keys() == {"input/words.txt"} and new != old
    assert clone.read(METRICS) != finished.read(METRICS)
    assert clone.planned() == {} and nothing_changed(clone)
    [filed] = [name for name in clone.git("for-each-ref", "--format=%(refname)", "refs/exps").split() if name.endswith("/edited")]
    assert json.loads(clone.git("show", f"{filed}:results/tiny/inputs.json")) == new
    assert clone.git("show", f"{filed}:{METRICS}").encode() == clone.read(METRICS)
    assert "A list" in clone.git("show", f"{filed}:input/words.txt")

    clone.git("checkout", "-q", "-f", "HEAD", "--", ".")
    clone.dvc("repro")
    assert clone.read(METRICS) == finished.read(METRICS) and json.loads(clone.read("results/tiny/inputs.json")) == old


def test_a_mirror_that_holds_another_text_is_noticed_by_dvc(finished: Workspace, tmp_path: Path) -> None:
    workspace = finished.copy(tmp_path / "project")
    for number in (1, 2):
        (tmp_path / f"mirror{number}").mkdir()
        (tmp_path / f"mirror{number}/words.txt").write_text(words(number))
    workspace.edit(studies__tiny__sources__words__paths=["mirror:words.txt"])
    digests = []
    for name in ("mirror1", "mirror2", "mirror1"):
        workspace.run("dvc", "repro", "inputs@tiny", GAP_MIRROR=str(tmp_path / name))
        digests.append(json.loads(workspace.read("results/tiny/inputs.json")))
        assert json.loads(workspace.read("sources.lock.json")).items() >= digests[-1].items()
    assert digests[0] == digests[2] != digests[1] and digests[0].keys() == {"mirror:words.txt"}
    # a clone without the mirror believes the lock
    workspace.run("dvc", "repro", "inputs@tiny", GAP_MIRROR="")
    assert json.loads(workspace.read("results/tiny/inputs.json")) == digests[2]
