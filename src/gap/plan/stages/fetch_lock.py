"""The lock: what models, tokenizers, corpora and items were fetched from."""

from __future__ import annotations

from pathlib import Path

from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.stages import corpora, items, models, tokenizers

CODE = ("gap.fetch.lock",)


def inputs(plan: Plan) -> list[Path]:
    """The main files of the fetching stages, whose records the lock is made of."""
    paths = [models.path(plan, name) for name in plan.study.models]
    paths += [tokenizers.path(plan, name) for name in plan.tokenizers]
    paths += [corpora.path(plan, *pair) for pair in plan.corpus_tokenizers]
    return [*paths, *(items.path(plan, *pair) for pair in plan.task_splits)]


def light_stages(plan: Plan) -> list[LightStage]:
    """The lock, beside what else was found out about the inputs."""
    return [LightStage("fetch_lock", {"fetch_lock": plan.results / "checks/fetch.lock.json"}, CODE)]
