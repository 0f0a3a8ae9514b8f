"""lm-eval's own backend, fed by the written folder, agrees item for item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gap.evaluate.checks.boundary import boundary_differences
from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.fetch.source_file import MINIATURE
from gap.params.evaluate import Evaluate
from gap.tasks.export import export_tasks
from gap.tasks.items import load_items
from gap.tasks.registry import TASKS

CHOICE = ["copa", "winogrande", "math_qa"]
DIALOGUE = "empathetic_dialogues"
COUNT = 8
# lm-eval feeds this many tokens and looks up one more; for answers it takes the new ones off
LENGTH = 159


def shipped(task: str) -> Path:
    return MINIATURE / TASKS[task].folder / "validation.jsonl"


@pytest.fixture(scope="module")
def samples(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of lm-eval on the tiny OPT, offline, loaded from its folder as the command line would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager

        folder = tmp_path_factory.mktemp("tasks")
        names = export_tasks({task: shipped(task) for task in [*CHOICE, DIALOGUE]}, COUNT, folder)
        model = HFLM(pretrained=str(model_folder), add_bos_token=True, max_length=LENGTH, batch_size=1, device="cpu", dtype="float32")
        return simple_evaluate(
            model=model,
            tasks=[name for name in names if name not in ("gap_classification", "gap_dialogue")],
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            log_samples=True,
            bootstrap_iters=0,
        )


def of_task(samples: dict[str, Any], task: str) -> list[dict[str, Any]]:
    return sorted(samples["samples"][f"gap_{task}"], key=lambda sample: sample["doc_id"])


@pytest.mark.parametrize("task", CHOICE)
def test_log_probabilities_and_accuracy_agree(samples: dict[str, Any], models: Any, tokenizer: Any, task: str) -> None:
    items: list[Any] = load_items(task, shipped(task), COUNT)
    assert boundary_differences(items, tokenizer) == []
    (found,) = score_chunks(split_model(models("opt")), encode_items(items, tokenizer, LENGTH + 1, 2048, "cpu"))
    for sums, sample in zip(found, of_task(samples, task), strict=True):
        assert sums.tolist() == pytest.approx([float(answer[0]) for answer in sample["filtered_resps"]], abs=1e-4)
    accuracy = sum(int(sums.argmax()) == item.gold for sums, item in zip(found, items, strict=True)) / COUNT
    assert samples["results"][f"gap_{task}"]["acc,none"] == accuracy


def test_greedy_answers_and_f1_agree(samples: dict[str, Any], models: Any, tokenizer: Any) -> None:
    items: list[Any] = load_items(DIALOGUE, shipped(DIALOGUE), COUNT)
    model = models("opt")
    lengths = {"max_length": 120, "max_new_tokens": 32, "batch_tokens": 2048}
    how = Evaluate(items=COUNT, splits=["validation"], precision="fp32", replay_tolerance=0, **lengths)
    compiled = encode_dialogues(items, tokenizer, how, model, "cpu")
    (answers,) = answer_chunks(split_model(model), compiled, [0])
    # lm-eval cuts longer prompts without keeping the opening token
    short = [place for place, item in enumerate(items) if len(tokenizer.encode(item.prompt)) <= 120]
    assert len(short) >= 3
    for place in short:
        sample = of_task(samples, DIALOGUE)[place]
        assert sample["filtered_resps"] == [answers[place].response]
        assert sample["f1"] == pytest.approx(answers[place].f1)
