"""The part of the plan that describes texts: one job per base model, whatever the methods.

Not cut into shards of texts as post-training is: the gradients of the tasks, which are the same for all texts, would be taken
anew in each.
"""

from __future__ import annotations

from pathlib import Path

from gap.core.digest import digest
from gap.params.jobs import DescribeJob, GradientTask
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


def features_path(plan: Plan, model: str) -> Path:
    """The features of the model's texts."""
    job = describe_job(plan, model)
    name = digest([job.corpora, job.first, job.last, [[task.task, task.basis] for task in job.tasks]], 8)
    return plan.results / "features" / f"{model}-{features_key(plan, model)}" / f"texts-{job.last:04d}-{name}.parquet"


def describe_job(plan: Plan, model: str) -> DescribeJob:
    """Describe the texts of every corpus by one model."""
    study = plan.study
    return DescribeJob(
        model=model,
        describe=study.describe,
        max_tokens=study.gap.max_tokens,
        max_length=study.evaluate.max_length,
        tasks=gradient_tasks(plan),
        corpora={corpus: plan.corpus_key(corpus, study.models[model].tokenizer) for corpus in study.corpora},
        first=0,
        last=plan.corpus_texts,
    )
