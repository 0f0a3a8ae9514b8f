"""The part of the plan that describes texts: one job per base model, whatever the methods.

Not cut into shards of texts as post-training is: the gradients of the tasks, which are the same for all texts, would be taken
anew in each.
"""

from __future__ import annotations

from pathlib import Path

from gap.core.digest import digest
from gap.params.jobs import DescribeJob, GradientTask, TextId
from gap.plan.build import Plan
from gap.plan.code import code_version


def features_key(plan: Plan, model: str) -> str:
    """Key of how a model's texts are described; the texts and the tasks' items stand in each row."""
    study = plan.study
    return digest(
        {
            "model": plan.model_key(model),
            "settings": study.describe.identity(),
            "max_tokens": study.gap.max_tokens,
            "max_length": study.evaluate.max_length,
            "code": code_version("describe"),
        }
    )


def gradient_tasks(plan: Plan) -> list[GradientTask]:
    """The tasks of the study's first split; none where gradients are left out."""
    split = plan.study.evaluate.splits[0]
    if not plan.study.describe.gradient_items:
        return []
    return [GradientTask(task=task, split=split, basis=plan.items_key(task, split)) for task, one in plan.task_splits if one == split]


def described_texts(plan: Plan, model: str) -> list[TextId]:
    """The texts of every corpus as the model's tokenizer cuts them, corpus by corpus."""
    tokenizer = plan.study.models[model].tokenizer
    return [
        TextId(id=digest({"corpus": plan.corpus_key(corpus, tokenizer), "text": text}, 16), corpus=corpus, text=text)
        for corpus in plan.study.corpora
        for text in range(plan.study.gap.texts)
    ]


def features_path(plan: Plan, model: str) -> Path:
    """The features of the model's texts."""
    texts, tasks = described_texts(plan, model), gradient_tasks(plan)
    name = digest([[text.id for text in texts], [[task.task, task.basis] for task in tasks]], 8)
    return plan.results / "features" / f"{model}-{features_key(plan, model)}" / f"texts-{plan.study.gap.texts:04d}-{name}.parquet"


def describe_job(plan: Plan, model: str) -> DescribeJob:
    """Describe all texts by one model."""
    study = plan.study
    return DescribeJob(
        model=model,
        describe=study.describe,
        max_tokens=study.gap.max_tokens,
        max_length=study.evaluate.max_length,
        tasks=gradient_tasks(plan),
        texts=described_texts(plan, model),
    )
