"""Values that reach no run are refused in experiments and on the command line, and pointed out elsewhere."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gap.core.errors import BadInput
from gap.params.effect import BASELINE, check_committed, check_given, differences, without_effect

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"study": "demo"}


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    tree = copy.deepcopy(RAW)
    for path, value in changes:
        *outer, last = path.split(".")
        place = tree
        for part in outer:
            place = place[part]
        place[last] = value
    return tree


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the parameters committed, as the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(RAW, sort_keys=False))
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    return tmp_path


def test_a_study_of_another_file_is_not_compared(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``snakemake --configfile`` may bring a study that params.yaml does not have."""
    assert check_committed(RAW | {"study": "own"}, Path("params.yaml")) == []
    raw = RAW | {"study": "own", "studies": RAW["studies"] | {"own": RAW["studies"]["demo"]}}
    check_given(raw, RAW, {})
    monkeypatch.setenv(BASELINE, "HEAD")
    assert check_committed(RAW | {"study": "own"}, Path("params.yaml")) == []


def test_differences() -> None:
    assert list(differences({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2, "c": [1]}, "e": {"f": 1}})) == [("a", "b"), ("d",), ("e",)]


def test_what_the_study_overrides_has_no_effect() -> None:
    now = changed(("gap.updates", 9), ("gap.learning_rate", 0.5), ("gap.optimizer.implementation", "loop"), ("jobs.threads", 2))
    places = list(differences(now, RAW))
    assert len(places) == 4
    assert without_effect(now, RAW, places) == [("gap", "optimizer", "implementation"), ("gap", "updates")]
    assert without_effect(now | {"study": "paper"}, RAW | {"study": "paper"}, places) == [("gap", "learning_rate")]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("gap.updates", 9, ["params.yaml, key 'gap.updates'", "9, which changes nothing of study demo", "Set `studies.demo.gap.updates`"]),
        ("methods.other", {"gap": {"updates": 2}}, ["methods.other", "Set `studies.demo.methods` instead"]),
        ("gap.optimizer.implementation", "loop", ["Set `studies.demo.gap.optimizer.implementation` instead"]),
        ("items", {"kind": "folder", "path": "x"}, ["key 'items.kind'", "Set `studies.demo.items.kind` instead"]),
    ],
)
def test_an_experiment_without_effect_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, path: str, value: Any, words: list[str]
) -> None:
    now = changed((path, value))
    assert check_committed(RAW, Path("params.yaml")) == []
    sentences = check_committed(now, Path("params.yaml"))
    assert sentences and all(word in sentences[0] for word in words), sentences
    monkeypatch.setenv(BASELINE, "HEAD")
    with pytest.raises(BadInput) as caught:
        check_committed(now, Path("params.yaml"))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_study_whose_methods_have_the_value_themselves(project: Path) -> None:
    now = changed(("gap.texts", 50), ("studies.paper.methods", {"up": {"gap": {"texts": 3}}}), ("study", "paper"))
    assert "Set `studies.paper.methods.NAME.gap.texts` instead" in check_committed(now, Path("params.yaml"))[0]


def test_what_has_an_effect_passes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BASELINE, "HEAD")
    other = changed(("gap.learning_rate", 0.5), ("seed", 3), ("studies.demo.gap.updates", 9), ("studies.paper.gap.updates", 9))
    assert check_committed(other, Path("params.yaml")) == []


def test_the_released_rows_read_the_seed_alone(project: Path) -> None:
    now = changed(("gap.updates", 9), ("seed", 3), ("study", "published"))
    (sentence,) = check_committed(now, Path("params.yaml"))
    assert "gap.updates" in sentence and "Take the change back, or select another study" in sentence


def test_without_git_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert check_committed(changed(("gap.updates", 9)), Path("params.yaml")) == []
    monkeypatch.setenv("PATH", "")
    assert check_committed(changed(("gap.updates", 9)), Path("params.yaml")) == []


def test_a_value_of_the_command_line() -> None:
    with pytest.raises(BadInput, match=r"--config, key 'gap\.updates': 9, .*Set `studies\.demo\.gap\.updates` instead"):
        check_given(changed(("gap.updates", 9)), RAW, {"gap": {"updates": 9}})
    with pytest.raises(BadInput, match=r"key 'studies\.paper\.gap\.updates'.*Select that study"):
        check_given(changed(("studies.paper.gap.updates", 9)), RAW, {"studies": {"paper": {"gap": {"updates": 9}}}})
    check_given(changed(("gap.learning_rate", 0.5)), RAW, {"gap": {"learning_rate": 0.5}})
    check_given(RAW | {"study": "paper"}, RAW, {"study": "paper"})
    check_given(changed(("gap.updates", 9), ("study", "paper")), RAW, {"gap": {"updates": 9}, "study": "paper"})
    check_given(changed(("gap.updates", 9)), RAW, {"gap": {"learning_rate": 0.001}})
