"""Tasks of lm-eval by name: their documents are what lm-eval asks for, and our scorer gives its scores; from a local folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gap.core.errors import BadInput
from gap.evaluate.checks.boundary import boundary_differences
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.item_scores import choice_columns
from gap.evaluate.lm_eval.backend import LmEvalBackend
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.fetch.items import fetch_items
from gap.params.evaluate import Evaluate
from gap.params.items import Items, TaskJob
from gap.params.study import Study
from gap.plan.fingerprints import Fingerprints
from gap.plan.stages.items import identity as items_identity
from gap.tasks.items import load_items
from gap.tasks.lm_eval_config import FIELDS, document, read_config
from gap.tasks.registry import TASKS, known_task
from gap.tasks.task import LmEvalSource, Task

LENGTH = 63
CAPITALS = [
    {"country": "France", "options": ["Paris", "Rome", "Bern"], "answer": 0},
    {"country": "Italy", "options": ["Paris", "Rome", "Bern"], "answer": 1},
    {"country": "Peru", "options": ["Lima", "Quito", "La Paz"], "answer": 0},
]
SHARED = """
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
YAMLS = {
    "shared.yaml": SHARED,
    "capitals.yaml": """include: shared.yaml
task: capitals
output_type: multiple_choice
process_docs: !function helpers.upper
doc_to_text: "The capital of {{country}} is "
doc_to_choice: options
doc_to_target: answer
""",
    "last_word.yaml": """include: shared.yaml
task: last_word
output_type: loglikelihood
doc_to_text: "The capital of {{country}} is"
doc_to_target: "{{' ' + options[answer]}}"
""",
    "written.yaml": "include: shared.yaml\ntask: written\noutput_type: generate_until\ndoc_to_text: country\ndoc_to_target: country\n",
    "helpers.py": "def upper(docs):\n    return docs.map(lambda doc: {**doc, 'country': doc['country'].upper()})\n",
}
KINDS = {"capitals": "multiple_choice", "last_word": "loglikelihood"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of tasks as for lm-eval's ``--include_path``, and both of them registered."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    data = tmp_path / "capitals.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in CAPITALS))
    where = tmp_path / "tasks"
    where.mkdir()
    for name, text in YAMLS.items():
        (where / name).write_text(text.replace("DATA", str(data)))
    for name, kind in KINDS.items():
        source: Any = {"lm_eval_source": LmEvalSource(name, include=str(where)), "output_type": kind}
        task = Task(name=name, fields=FIELDS, columns=tuple(FIELDS), splits=("test",), wording=document, **source)
        monkeypatch.setitem(TASKS.entries, name, task)
    return where


def fetched(task: str, folder: Path) -> Path:
    out = folder / f"{task}.jsonl"
    fetch_items(TaskJob(task=task, split="test", items=Items(kind="miniature")), out)
    return out


@pytest.fixture
def asked(folder: Path, model_folder: Path) -> dict[str, Any]:
    """lm-eval's own results and samples on the tiny OPT."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    model = HFLM(pretrained=str(model_folder), add_bos_token=True, max_length=LENGTH, batch_size=1, device="cpu", dtype="float32")
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    return simple_evaluate(model=model, tasks=list(KINDS), task_manager=manager, log_samples=True, bootstrap_iters=0)


def test_documents_and_scores_are_lm_evals(folder: Path, asked: dict[str, Any], models: Any, tokenizer: Any) -> None:
    for task in KINDS:
        items: list[Any] = load_items(task, fetched(task, folder), 99)
        samples = sorted(asked["samples"][task], key=lambda sample: sample["doc_id"])
        for item, sample in zip(items, samples, strict=True):
            pairs = [tuple(request) for request in sample["arguments"]]
            assert [f"{item.context}{text}" for text in item.continuations] == [context + text for context, text in pairs]
            assert all(context.rstrip() == item.context for context, _ in pairs)
        assert boundary_differences(items, tokenizer) == []
        (scores,) = score_chunks(split_model(models("opt")), encode_items(items, tokenizer, LENGTH + 1, 2048, "cpu"))
        for sums, sample in zip(scores, samples, strict=True):
            answers = sample["filtered_resps"] if task == "capitals" else [sample["filtered_resps"][0]]
            assert sums.tolist()[: len(answers)] == pytest.approx([float(answer[0]) for answer in answers], abs=1e-4)
        correct = choice_columns(items, scores)["correct"]
        assert correct == [bool(sample["acc"]) for sample in samples]
        settings = Evaluate(
            items=3, splits=["test"], precision="fp32", max_length=LENGTH + 1, max_new_tokens=2, batch_tokens=64, replay_tolerance=0
        )
        peer = LmEvalBackend(models("opt"), tokenizer, settings, "cpu", None)
        assert choice_columns(items, peer.choices(items))["correct"] == correct


def test_a_continuation_is_right_where_greedy_decoding_gives_it(models: Any, tokenizer: Any) -> None:
    import torch

    from gap.tasks.items import MultipleChoice

    model = models("opt")
    context = tokenizer("The capital", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        answer = model.generate(context, max_new_tokens=2, do_sample=False)[0, context.shape[1] :]
    likeliest = tokenizer.decode(answer)
    if tokenizer.encode(likeliest, add_special_tokens=False) != answer.tolist():
        pytest.skip("the tokenizer splits the greedy answer otherwise")
    items = [MultipleChoice("The capital", (text,), 0) for text in (likeliest, " zebra")]
    (scores,) = score_chunks(split_model(model), encode_items(items, tokenizer, 64, 2048, "cpu"))
    assert choice_columns(items, scores)["correct"] == [True, False]
    assert all(sums[0] != sums[1] for sums in scores)  # no tie is reported where there is none


def test_an_item_with_one_choice_among_others_is_a_choice(models: Any, tokenizer: Any) -> None:
    from gap.tasks.items import MultipleChoice

    items = [MultipleChoice("the cat", (" sat",), 0), MultipleChoice("the cat", (" sat", " on"), 0)]
    (ours,) = score_chunks(split_model(models("opt")), encode_items(items, tokenizer, 64, 2048, "cpu"))
    settings = Evaluate(items=2, splits=["test"], precision="fp32", max_length=64, max_new_tokens=2, batch_tokens=64, replay_tolerance=0)
    theirs = LmEvalBackend(models("opt"), tokenizer, settings, "cpu", None).choices(items)
    for mine, other, count in zip(ours, theirs, (1, 2), strict=True):
        assert len(mine) == count and mine.tolist() == pytest.approx(other.tolist(), abs=1e-4)


def test_an_identity_follows_every_file_of_the_task(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def identity() -> Any:
        read_config.cache_clear()
        return items_identity(Items(kind="hub"), "capitals", "test", Fingerprints())

    monkeypatch.chdir(folder)
    assert set(read_config(LmEvalSource("capitals", str(folder))).files) == {"capitals.yaml", "shared.yaml", "helpers.py", "data/0"}
    seen = [identity()]
    for file in (folder / "shared.yaml", folder / "helpers.py", folder.parent / "capitals.jsonl"):
        file.write_text(file.read_text() + "\n")
        seen.append(identity())
    assert identity() == seen[-1] and len({entry["files"] for entry in seen}) == 4
    assert seen[0]["kind"] == "lm_eval" and seen[0]["version"]


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("capitals.yaml", "include: shared.yaml", "include: other.yaml", ["capitals.yaml, key 'include': other.yaml", "lm_eval/tasks"]),
        ("shared.yaml", "capitals.jsonl", "towns.jsonl", ["towns.jsonl, and nothing there", "from the project's root"]),
        ("capitals.yaml", "doc_to_choice: options", "doc_to_choice: [options", ["capitals.yaml: not YAML", "line 6"]),
        ("shared.yaml", "test_split", "include: capitals.yaml\ntest_split", ["capitals.yaml, which includes this file"]),
        ("capitals.yaml", "include: shared.yaml", "include: capitals.yaml", ["capitals.yaml, which includes this file"]),
        ("shared.yaml", SHARED, "just words", ["shared.yaml: a str", "YAML mapping"]),
        ("capitals.yaml", "task: capitals", "task: capitals  # mine\nclass: Mine", ["a task written in Python"]),
        ("capitals.yaml", "include: shared.yaml", "include: 5", ["capitals.yaml: a YAML that cannot be read"]),
        ("shared.yaml", "{test: DATA}", "7", ["capitals.yaml: a YAML that cannot be read"]),
    ],
)
def test_a_yaml_must_be_readable_with_all_that_it_names(folder: Path, file: str, old: str, new: str, words: list[str]) -> None:
    read_config.cache_clear()
    text = (folder / file).read_text()
    old = old.replace("DATA", str(folder.parent / "capitals.jsonl"))
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(BadInput) as caught:
        read_config(LmEvalSource("capitals", str(folder)))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_names_of_lm_evals_registry_need_no_module() -> None:
    task = known_task("lm_eval:lambada_openai")
    assert (task.label, task.output_type, task.splits, task.group) == ("lambada_openai", "loglikelihood", ("test",), "classification")
    assert known_task("lm_eval:arc_easy").splits == ("validation", "test")


@pytest.mark.parametrize(
    ("name", "words"),
    [("lm_eval:no_such_task", ["no YAML", "lm_eval ls tasks"]), ("lm_eval:gsm8k", ["generate_until", "multiple_choice or loglikelihood"])],
)
def test_what_cannot_be_scored_is_refused(name: str, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        known_task(name)
    assert all(word in str(caught.value) for word in words)


def test_another_kind_than_registered_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setitem(TASKS.entries, "capitals", replace(TASKS["capitals"], output_type="loglikelihood"))
    with pytest.raises(BadInput, match="multiple_choice"):
        fetched("capitals", folder)


def test_a_study_names_them_with_a_split_that_they_have() -> None:
    import yaml

    from gap.params.load import resolve

    raw = yaml.safe_load((Path(__file__).resolve().parents[2] / "params.yaml").read_text())
    raw["tasks"] = ["piqa", "lm_eval:lambada_openai"]
    with pytest.raises(BadInput, match=r"lambada_openai has only the splits \['test'\]"):
        resolve(raw)
    raw["evaluate"]["splits"] = ["validation", "test"]
    study = resolve(raw)
    assert isinstance(study, Study) and study.tasks == ["piqa", "lm_eval:lambada_openai"]
    raw["tasks"] = ["pica"]
    with pytest.raises(BadInput, match=r"key 'tasks.0'.*'pica'.*'piqa'"):
        resolve(raw)
