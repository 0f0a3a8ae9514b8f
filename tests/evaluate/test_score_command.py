"""``gap score``: its numbers are the tables' and those of ``gap evaluate``, nothing is scored twice, problems are one paragraph."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tiny_gguf import write_gguf
from typer.testing import CliRunner

from gap.cli import evaluate as commands
from gap.cli import score as command
from gap.core.errors import BadInput, GapError, Unavailable
from gap.core.tables import read_table
from gap.evaluate.any_model import opened
from gap.evaluate.any_model.report import Report, lines
from gap.evaluate.any_model.settings import DEFAULTS, TASKS, ScoreSettings
from gap.params.evaluate import EvaluateJob, ScoredTask

sys.path.insert(0, str(Path(__file__).parent))
from test_lm_eval_tasks import folder as lm_eval_folder  # noqa: F401 - a fixture

ROOT = Path(__file__).resolve().parents[2]
app = typer.Typer()
app.command("score")(command.score)
app.command("evaluate")(commands.evaluate)
SMALL = ["--from", "miniature", "--items", "5", "--max-length", "120", "--device", "cpu"]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAP_MIRROR", raising=False)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that were encoded for a model, one entry each; the model itself counts as ``model``."""
    from gap.evaluate import session

    seen: list[str] = []

    class Session(session.Session):
        def __init__(self, *given: Any) -> None:
            seen.append("model")
            super().__init__(*given)

    class TaskScorer(session.TaskScorer):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            seen.append("dialogue" if self.is_dialogue else "choices")

    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(session, "TaskScorer", TaskScorer)
    return seen


def score(*arguments: str) -> Any:
    """The JSON object, of a call that may fail, and what the call failed with."""
    done = CliRunner().invoke(app, ["score", *arguments, "--json"])
    if done.exception is not None and not isinstance(done.exception, GapError | SystemExit):
        raise done.exception
    return json.loads(done.stdout) if done.stdout else None, done.exception


def test_numbers_are_those_of_the_table_and_of_evaluate(model_folder: Path) -> None:
    report, problem = score(str(model_folder), "--tasks", "copa,blended_skill_talk", *SMALL)
    assert problem is None and report["unscored"] == []
    copa, talk = report["tasks"]
    assert (copa["metric"], copa["items"], copa["chance"], talk["metric"], talk["chance"]) == ("accuracy", 5, 0.5, "F1", None)
    rows = {task["task"]: read_table(Path(task["table"]), "item_scores") for task in report["tasks"]}
    assert copa["score"] == rows["copa"]["correct"].mean()
    assert talk["score"] == pytest.approx(rows["blended_skill_talk"]["f1"].mean())
    assert report["averages"] == {"classification": copa["score"], "dialogue": talk["score"]}
    for task in (copa, talk):
        low, high = task["interval"]
        assert low <= task["score"] <= high and task["seconds"] > 0 and task["passes"]["layout"]
    how = ScoreSettings("copa", 5, None, None, 120, "auto", "miniature").evaluate("cpu")
    job = EvaluateJob(model="tiny", method="", tasks=[ScoredTask(task="copa", split="validation")], evaluate=how, items=5)
    items = next(Path(".gap/score/items").glob("copa-*/validation.jsonl"))
    options = ["--job", job.model_dump_json(), "--model", str(model_folder), "--items", f"copa={items}", "--out", "copa=by_hand.parquet"]
    done = CliRunner().invoke(app, ["evaluate", *options, "--device", "cpu"])
    assert done.exception is None
    by_hand = read_table(Path("by_hand.parquet"), "item_scores")
    assert by_hand.drop(columns="model").equals(rows["copa"].drop(columns="model"))


def test_what_json_holds(model_folder: Path) -> None:
    report, _ = score(str(model_folder), "--tasks", "copa", "--out", "tables", *SMALL)
    assert set(report) == {"model", "settings", "opening", "level", "tasks", "averages", "unscored", "tables"}
    assert set(report["model"]) == {"name", "identity", "folder", "hub"} and report["model"]["hub"] is None
    assert report["opening"] == "</s>" and report["level"] == 0.95 and report["tables"].startswith("tables/")
    given = {"items": 5, "precision": "fp32", "max_length": 120, "scorer": "auto", "from": "miniature", "device": "cpu"}
    assert given.items() <= report["settings"].items()
    (task,) = report["tasks"]
    assert set(task) == {"task", "split", "group", "metric", "items", "score", "interval", "chance", "seconds", "passes", "table"}


def test_nothing_is_scored_twice(model_folder: Path, loaded: list[str]) -> None:
    first, _ = score(str(model_folder), "--tasks", "copa", *SMALL)
    assert loaded == ["model", "choices"]
    again, _ = score(str(model_folder), "--tasks", "copa", *SMALL)
    assert loaded == ["model", "choices"]
    assert again["tasks"][0] == first["tasks"][0] | {"seconds": None}
    more, _ = score(str(model_folder), "--tasks", "copa,blended_skill_talk,piqa", *SMALL)
    assert loaded == ["model", "choices", "model", "dialogue", "choices"]
    assert [task["seconds"] is None for task in more["tasks"]] == [True, False, False]
    score(str(model_folder), "--tasks", "copa", *SMALL, "--scorer", "plain")
    assert loaded[5:] == ["model", "choices"]


def test_a_task_that_fails_leaves_the_others(model_folder: Path) -> None:
    report, problem = score(str(model_folder), "--tasks", "copa,piqa,blended_skill_talk", *SMALL, "--max-length", "400")
    assert [task["task"] for task in report["tasks"]] == ["blended_skill_talk"]
    assert [task["task"] for task in report["unscored"]] == ["copa", "piqa"]
    assert report["averages"]["classification"] is None and report["averages"]["dialogue"] is not None
    assert isinstance(problem, BadInput) and str(problem).startswith("not scored: copa, piqa; evaluate.max_length: 400")
    report, problem = score(str(model_folder), "--tasks", "copa,math_qa", *SMALL, "--split", "test")
    assert report["tasks"] == [] and [task["task"] for task in report["unscored"]] == ["copa", "math_qa"]
    assert isinstance(problem, BadInput)


def test_the_screen(model_folder: Path) -> None:
    arguments = ["score", str(model_folder), "--tasks", "copa,blended_skill_talk,piqa", *SMALL]
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None
    shown = done.stdout.split("\n")
    header = next(line for line in shown if line.startswith("task"))
    rows = [line for line in shown if re.match("(copa|piqa|blended)", line)]
    assert {line[: header.index("score %") + 7][-5:].strip() for line in rows} == {line.split()[4] for line in rows}
    assert f"model    {model_folder}, digest " in shown[0] and shown[0].endswith("every text opens with </s>")
    assert [line.split()[0:2] for line in shown if line.startswith("average")] == [["average", "classification"], ["average", "dialogue"]]
    kept = CliRunner().invoke(app, arguments).stdout
    assert kept.count("kept") == 4 and "kept     scored by an earlier call" in kept
    failed = CliRunner().invoke(app, [*arguments, "--max-length", "400"]).stdout
    assert re.search(r"copa +validation +- +accuracy +not scored +- +- +-", failed) and "not all scored" in failed


def test_what_cannot_be_scored_is_said_in_one_paragraph(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/config.json").write_text("{}")
    (tmp_path / "model.gguf").write_text("")
    for arguments, message in (
        ([str(model_folder), "--tasks", "copa,capitols"], "task: 'capitols'"),
        ([str(model_folder), "--tasks", ","], "--tasks: no name"),
        ([str(model_folder), "--from", "folder:"], "--from: 'folder:'"),
        ([str(model_folder), "--scorer", "fast"], "--scorer: 'fast'"),
        (["./absent/model"], "no such folder, and no id of a hub model"),
        (["a/" * 9 + "b" * 300], "no such folder, and no id of a hub model"),
        (["empty"], "no config.json"),
        (["bare"], "no tokenizer.json"),
        (["model.gguf"], "no GGUF file"),
    ):
        report, problem = score(*arguments)
        assert report is None and isinstance(problem, BadInput) and message in str(problem), problem


def test_a_gguf_file_is_dequantised_once(tmp_path: Path, loaded: list[str]) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    report, problem = score("tiny.gguf", "--tasks", "copa", *SMALL)
    assert problem is None and report["tasks"][0]["items"] == 5 and loaded == ["model", "choices"]
    (folder,) = Path(".gap/score/models").iterdir()
    made = (folder / "model.safetensors").stat().st_mtime_ns
    again, problem = score("tiny.gguf", "--tasks", "copa", *SMALL)
    assert problem is None and again["tasks"][0]["score"] == report["tasks"][0]["score"]
    assert (folder / "model.safetensors").stat().st_mtime_ns == made and loaded == ["model", "choices"]


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(self: object, *given: object, **named: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    report, problem = score("some/model@main", "--tasks", "copa", *SMALL)
    assert report is None and isinstance(problem, Unavailable)
    assert "model some/model at main: could not be read from the hub (no route to host)" in str(problem)


def test_a_hub_model_is_fetched_once_at_its_commit(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OPT's hub models have no tokenizer.json: it is made of vocab.json and merges.txt."""
    import huggingface_hub

    commit, fetched = "c" * 40, []

    class Info:
        sha = commit

    def model_files(id: str, revision: str, out: Path) -> list[str]:
        fetched.append((id, revision))
        out.mkdir(parents=True)
        model = json.loads((model_folder / "tokenizer.json").read_text())["model"]
        merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
        (out / "vocab.json").write_text(json.dumps(model["vocab"]))
        (out / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
        for name in ("config.json", "model.safetensors"):
            (out / name).write_bytes((model_folder / name).read_bytes())
        return []

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, id, revision: Info)
    monkeypatch.setattr(opened, "model_files", model_files)
    report, problem = score("some/tiny", "--tasks", "copa", *SMALL)
    assert problem is None and report["model"]["hub"] == {"id": "some/tiny", "revision": "main", "commit": commit}
    again, _ = score(f"some/tiny@{commit}", "--tasks", "copa", *SMALL)
    assert fetched == [("some/tiny", commit)] and again["tasks"][0]["seconds"] is None
    here, _ = score(str(model_folder), "--tasks", "copa", *SMALL)
    assert here["tasks"][0]["score"] == report["tasks"][0]["score"]
    shown = CliRunner().invoke(app, ["score", "some/tiny", "--tasks", "copa", *SMALL]).stdout
    assert shown.startswith(f"model    some/tiny at commit {commit}")


def test_a_task_with_lm_evals_documents(model_folder: Path, lm_eval_folder: Path) -> None:  # noqa: F811 - the fixture
    report, problem = score(str(model_folder), "--tasks", "capitals,last_word", *SMALL)
    assert problem is None and [(task["split"], task["items"], task["chance"]) for task in report["tasks"]] == [("test", 3, None)] * 2
    with pytest.raises(BadInput, match="no YAML with this task"):
        ScoreSettings("lm_eval:no_such_task_there", 5, None, None, 120, "auto", None).scored_tasks()


def test_defaults_are_those_of_params_yaml() -> None:
    shared = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert list(TASKS) == shared["tasks"]
    assert {"items": command.SETTINGS["items"][1], "splits": ["validation"]} | DEFAULTS == {
        name: value for name, value in shared["evaluate"].items() if name != "steps"
    }
    assert command.SETTINGS["max_length"][1] == shared["evaluate"]["max_length"]


def test_items_come_from_the_mirror_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ScoreSettings(None, 5, None, None, 120, "auto", None)
    assert settings.items_source().kind == "hub"
    monkeypatch.setenv("GAP_MIRROR", "anywhere")
    assert settings.items_source().path == "mirror:"


def test_no_interval_is_shown_as_none(tmp_path: Path) -> None:
    """One dialogue has nothing to resample."""
    how = ScoreSettings(None, 1, None, None, 120, "auto", "miniature").evaluate("cpu")
    from gap.evaluate.any_model.scores import TaskScore
    from gap.stats.intervals import NO_INTERVAL

    talk = TaskScore("blended_skill_talk", "validation", "dialogue", "F1", 1, 0.1, NO_INTERVAL, None, 0.1, {}, tmp_path)
    shown = lines(Report("tiny", tmp_path, "0", how, "auto", "miniature", "cpu", tmp_path, [talk]))
    assert any(re.search(r"F1 +10.00 +- +- +0.1", line) for line in shown)
    assert "nan" not in "\n".join(shown)


def test_a_problem_reaches_another_process_whole() -> None:
    """With ``--devices`` the problems of fetching go to processes of their own."""
    import pickle

    problem = BadInput("here", "this", "that", "Do so.")
    copy = pickle.loads(pickle.dumps(problem))
    assert (type(copy), str(copy), copy.cure) == (BadInput, str(problem), "Do so.")
