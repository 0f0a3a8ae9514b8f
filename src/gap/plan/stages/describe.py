"""Text features: what each base model makes of the texts, one job per model whatever the methods.

Not cut into shards of texts as post-training is: the gradients of the tasks, which are the same for all texts, would be taken
anew in each.
"""

from __future__ import annotations

from pathlib import Path

from gap.core.digest import digest
from gap.params.describe import DescribeJob, GradientTask
from gap.plan.code import code_version, code_versions
from gap.plan.plan import Plan
from gap.plan.stages import corpora, items, models

CODE = ("gap.describe.job",)


def key(plan: Plan, model: str) -> str:
    """Key of how a model's texts are described; the texts and the tasks' items stand in each row."""
    study = plan.study
    return digest(
        {
            "model": models.key(plan, model),
            "settings": study.describe.identity(),
            "max_tokens": study.gap.max_tokens,
            "max_length": study.evaluate.max_length,
            "code": code_version(*CODE),
        }
    )


def gradient_tasks(plan: Plan) -> list[GradientTask]:
    """The tasks of the study's first split; none where gradients are left out."""
    first = plan.study.evaluate.splits[0]
    if not plan.study.describe.gradient_items:
        return []
    pairs = [(task, split) for task, split in plan.task_splits if split == first]
    return [GradientTask(task=task, split=split, basis=items.key(plan, task, split)) for task, split in pairs]


def path(plan: Plan, model: str) -> Path:
    """The features of the model's texts."""
    described = job(plan, model)
    name = digest([described.corpora, described.first, described.last, [[task.task, task.basis] for task in described.tasks]], 8)
    return plan.results / "features" / f"{model}-{key(plan, model)}" / f"texts-{described.last:04d}-{name}.parquet"


def job(plan: Plan, model: str) -> DescribeJob:
    """Describe the texts of every corpus by one model."""
    study = plan.study
    return DescribeJob(
        model=model,
        describe=study.describe,
        max_tokens=study.gap.max_tokens,
        max_length=study.evaluate.max_length,
        tasks=gradient_tasks(plan),
        corpora={corpus: corpora.key(plan, corpus, study.models[model].tokenizer) for corpus in study.corpora},
        first=0,
        last=plan.corpus_texts,
        code=code_versions(*CODE),
    )
