"""Post-training: the runs, cut into shards of texts, and their trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.params.posttrain import PosttrainJob
from gap.params.runs import Retained, RunId
from gap.plan.code import code_version, code_versions
from gap.plan.plan import Plan
from gap.plan.stages import corpora, models

CODE = ("gap.posttrain.job",)
#: How much a table holds: a number (of updates, of items), or which steps.
Count = int | tuple[int, ...]


@dataclass(frozen=True)
class Shard:
    """Runs on the text indices ``first`` to ``last - 1`` of every corpus, for one model and method."""

    model: str
    method: str
    first: int
    last: int


@cache
def shards(plan: Plan) -> tuple[Shard, ...]:
    """The jobs of post-training and of evaluation; a method that combines runs has one per model."""
    cut: list[Shard] = []
    for model in plan.subjects:
        chosen = plan.study.models[model].methods or list(plan.study.methods)
        for method, settings in plan.study.methods.items():
            if method not in chosen:
                continue
            texts = settings.gap.texts
            size = texts if settings.combine else plan.study.jobs.texts_per_job
            cut += [Shard(model, method, first, min(first + size, texts)) for first in range(0, texts, size)]
    return tuple(shard for shard in cut if texts_of_runs(plan, shard))


def shard_of(plan: Plan, model: str, method: str, first: str) -> Shard:
    """The shard of a model and method that starts at text ``first``."""
    return _shards_by_start(plan)[model, method, int(first)]


@cache
def _shards_by_start(plan: Plan) -> dict[tuple[str, str, int], Shard]:
    return {(shard.model, shard.method, shard.first): shard for shard in shards(plan)}


def texts_of_runs(plan: Plan, shard: Shard) -> list[list[list[int]]]:
    """Text indices of each run of a shard on a corpus (``RunId.texts``): its texts of every update, or those of all runs combined."""
    settings = plan.study.methods[shard.method]
    size, count = settings.gap.texts_per_update, settings.gap.texts
    first = -(-shard.first // size) * size
    inside = [list(range(start, start + size)) for start in range(first, min(shard.last, count - size + 1), size)]
    return [inside] if settings.combine else [[group] for group in inside]


@cache
def runs(plan: Plan, shard: Shard) -> tuple[RunId, ...]:
    """The runs of a shard, corpus by corpus."""
    return tuple(_run(plan, shard, corpus, texts) for corpus in plan.study.corpora for texts in texts_of_runs(plan, shard))


def _run(plan: Plan, shard: Shard, corpus: str, texts: list[list[int]]) -> RunId:
    first = texts[0][0]
    members = [] if texts == [[first]] else texts
    retained = retained_texts(plan, shard, corpus, texts)
    return RunId(run=run_key(plan, shard, corpus, texts), corpus=corpus, text=first, members=members, retained=retained)


def retained_texts(plan: Plan, shard: Shard, corpus: str, texts: list[list[int]]) -> Retained | None:
    """What a run on these texts of a corpus retains (direction ``retain``): the same indices of the other corpus; of its own the next ones."""
    gap = plan.study.methods[shard.method].gap
    if gap.retained_corpus is None:
        return None
    ahead = gap.texts_per_update if gap.retained_corpus == corpus else 0
    moved = [[(index + ahead) % plan.corpus_texts for index in update] for update in texts]
    return Retained(corpus=gap.retained_corpus, texts=moved)


def run_key(plan: Plan, shard: Shard, corpus: str, texts: list[list[int]]) -> str:
    """Identity of one run: what determines its checkpoints."""
    retained = retained_texts(plan, shard, corpus, texts)
    kept = {"retained_texts": retained.texts} if retained else {}
    return digest(_identity(plan, shard.model, shard.method, corpus) | {"texts": texts} | kept, 16)


@cache
def _identity(plan: Plan, model: str, method: str, corpus: str) -> dict[str, Any]:
    """What the runs of a model and method on a corpus have in common; there may be many thousands of them."""
    settings, tokenizer = plan.study.methods[method], plan.study.models[model].tokenizer
    retained = settings.gap.retained_corpus
    return {
        "model": models.key(plan, model),
        "method": settings.identity(),
        "corpus": corpora.key(plan, corpus, tokenizer),
        "code": {"posttrain": code_version(*CODE)} | {unit: code_version(unit) for unit in settings.modules},
        **({"retained": corpora.key(plan, retained, tokenizer)} if retained else {}),
    }


def path(plan: Plan, shard: Shard) -> Path:
    """The shard's trajectories."""
    return plan.results / "runs" / f"{shard.model}-{models.key(plan, shard.model)}" / shard_file(plan, shard, updates(plan, shard))


def updates(plan: Plan, shard: Shard) -> int:
    """Updates of each run of a shard."""
    return plan.study.methods[shard.method].gap.updates


@cache
def shard_file(plan: Plan, shard: Shard, *counts: Count) -> str:
    """Name of a table about a shard; ``counts`` say how much it holds."""
    name = digest([[run.run for run in runs(plan, shard)], *counts], 8)
    return f"{shard.method}-texts-{shard.first:04d}-{shard.last:04d}-{name}.parquet"


def job(plan: Plan, shard: Shard) -> PosttrainJob:
    """Post-train a shard."""
    settings = plan.study.methods[shard.method]
    planned = list(runs(plan, shard))
    return PosttrainJob(
        model=shard.model,
        method=shard.method,
        settings=settings,
        updates=settings.gap.updates,
        runs=planned,
        code=code_versions(*CODE, *settings.modules),
    )
