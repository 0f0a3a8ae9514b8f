"""The part of the plan that describes texts: one job per base model and shard of texts, whatever the methods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gap.core.digest import digest
from gap.params.jobs import DescribeJob, GradientTask, TextId
from gap.plan.build import Plan
from gap.plan.code import code_version


@dataclass(frozen=True)
class TextShard:
    """Text indices ``first`` to ``last - 1`` of every corpus, for one base model."""

    model: str
    first: int
    last: int


def text_shards(plan: Plan) -> list[TextShard]:
    """The jobs that describe texts."""
    size, texts = plan.study.jobs.texts_per_job, plan.corpus_texts
    return [TextShard(model, first, min(first + size, texts)) for model in plan.subjects for first in range(0, texts, size)]


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


def described_texts(plan: Plan, shard: TextShard) -> list[TextId]:
    """The texts of a shard, corpus by corpus."""
    tokenizer = plan.study.models[shard.model].tokenizer
    return [
        TextId(id=digest({"corpus": plan.corpus_key(corpus, tokenizer), "text": text}, 16), corpus=corpus, text=text)
        for corpus in plan.study.corpora
        for text in range(shard.first, shard.last)
    ]


def features_path(plan: Plan, shard: TextShard) -> Path:
    """The shard's features."""
    texts, tasks = described_texts(plan, shard), gradient_tasks(plan)
    name = digest([[text.id for text in texts], [[task.task, task.basis] for task in tasks]], 8)
    folder = plan.results / "features" / f"{shard.model}-{features_key(plan, shard.model)}"
    return folder / f"texts-{shard.first:04d}-{shard.last:04d}-{name}.parquet"


def describe_job(plan: Plan, shard: TextShard) -> DescribeJob:
    """Describe a shard."""
    study = plan.study
    return DescribeJob(
        model=shard.model,
        describe=study.describe,
        max_tokens=study.gap.max_tokens,
        max_length=study.evaluate.max_length,
        tasks=gradient_tasks(plan),
        texts=described_texts(plan, shard),
    )


def text_shard_of(plan: Plan, model: str, first: str) -> TextShard:
    """The shard of a model that starts at text ``first``."""
    return next(shard for shard in text_shards(plan) if shard.model == model and shard.first == int(first))
