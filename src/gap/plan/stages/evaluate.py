"""Evaluation: one table of item scores per task, split and shard; one job scores a shard on several tasks."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from gap.params.evaluate import EvaluateJob, ScoredTask
from gap.params.runs import BASE
from gap.params.steps import scored_steps
from gap.plan.code import code_version, code_versions
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.stages import items, models
from gap.plan.stages.posttrain import Count, Shard, runs, shard_file, shards, updates

EVALUATE, BOUNDARY, NOISE = CODE = ("gap.evaluate.job", "gap.evaluate.checks.boundary", "gap.evaluate.checks.noise_floor")
#: A table of item scores: its task and split.
TaskSplit = tuple[str, str]


def key(plan: Plan, task: str, split: str) -> str:
    """Key of how one task's split is scored."""
    settings = plan.study.evaluate.identity()
    return plan.remember("scores", task, split, items=items.key(plan, task, split), settings=settings, code=code_version(EVALUATE))


@cache
def model_key(plan: Plan, name: str) -> str:
    """Key of a model in the paths of its scores: its own, or where they are made by plain passes alone, another one."""
    own, scorer = models.key(plan, name), plan.study.models[name].scorer
    return own if scorer == "auto" else plan.remember("scored", name, model=own, scorer=scorer)


def task_groups(plan: Plan) -> list[list[TaskSplit]]:
    """The study's tasks and splits, cut into the groups that one job scores."""
    size = plan.study.jobs.tasks_per_job
    return [plan.task_splits[first : first + size] for first in range(0, len(plan.task_splits), size)]


@cache
def folder(plan: Plan, task: str, split: str) -> Path:
    """Folder of all item scores on one task."""
    return plan.results / "scores" / f"{task}-{split}-{key(plan, task, split)}"


def path(plan: Plan, shard: Shard, task: str, split: str) -> Path:
    """Item scores of a shard's runs."""
    model = f"{shard.model}-{model_key(plan, shard.model)}"
    return folder(plan, task, split) / model / shard_file(plan, shard, *counts(plan, shard))


def counts(plan: Plan, shard: Shard) -> list[Count]:
    """How much a table of a shard's scores holds: updates, items, and where not all steps are scored, which."""
    method, evaluate = updates(plan, shard), plan.study.evaluate
    return [method, evaluate.items, *([tuple(scored_steps(evaluate.steps, method))] if evaluate.steps else [])]


def base_path(plan: Plan, model: str, task: str, split: str) -> Path:
    """Item scores of an unmodified model that has no runs."""
    return folder(plan, task, split) / f"{model}-{model_key(plan, model)}" / f"base-items-{plan.study.evaluate.items:05d}.parquet"


def files(plan: Plan) -> list[tuple[str, str, str, Path]]:
    """Every file of item scores: (model, task, split, path).  A subject's first shard holds its unmodified model too."""
    base = [(model, *pair, base_path(plan, model, *pair)) for pair in plan.task_splits for model in plan.references]
    return base + [(shard.model, *pair, path(plan, shard, *pair)) for pair in plan.task_splits for shard in shards(plan)]


def job(plan: Plan, model: str, pairs: list[TaskSplit], shard: Shard | None = None) -> EvaluateJob:
    """Score a shard on these tasks, or without one the unmodified model."""
    common: dict[str, Any] = {
        "model": model,
        "tasks": [ScoredTask(task=task, split=split) for task, split in pairs],
        "evaluate": plan.study.evaluate,
        "items": plan.study.evaluate.items,
    }
    if shard is None:
        return EvaluateJob(method="", code=code_versions(EVALUATE), **common)
    # The first shard scores the unmodified model too: one process less than with a job of its own.
    with_base = shard.first == 0 and shard.method == plan.primary
    planned = [*([BASE] if with_base else []), *runs(plan, shard)]
    settings = plan.study.methods[shard.method]
    code = code_versions(EVALUATE, *settings.modules)
    return EvaluateJob(method=shard.method, settings=settings, updates=settings.gap.updates, runs=planned, code=code, **common)


def plain_flags(plan: Plan) -> list[str]:
    """The subjects that are scored by plain passes alone, as command-line flags."""
    return [f"--plain={name}" for name in plan.subjects if plan.study.models[name].scorer == "plain"]


def light_stages(plan: Plan) -> list[LightStage]:
    """Items whose tokens differ at the boundary, and the noise floor."""
    checks = plan.results / "checks"
    return [
        LightStage("boundary", {"boundary": checks / "boundary.json"}, (BOUNDARY,), reads=("tokenizers", "items")),
        LightStage("noise", {"noise": checks / "noise.json"}, (NOISE,), reads=("models", "items")),
    ]
