"""Lists and look-ups that the Snakemake rules need."""

from __future__ import annotations

from gap.core.digest import canonical
from gap.params.base import Settings
from gap.plan.build import Plan, Shard
from gap.plan.light import light_stages, score_files


def heavy_outputs(plan: Plan) -> list[str]:
    """Every output whose path carries its key."""
    study = plan.study
    paths = [plan.tokenizer_path(name) for name in dict.fromkeys(model.tokenizer for model in study.models.values())]
    paths += [plan.items_path(task, split) for task, split in plan.task_splits]
    paths += [plan.corpus_path(corpus, tokenizer) for corpus, tokenizer in plan.corpus_tokenizers]
    paths += [plan.model_path(name) for name in study.models]
    paths += [plan.trajectories_path(shard) for shard in plan.shards]
    paths += [path for *_, path in score_files(plan)]
    return [str(path) for path in paths]


def light_outputs(plan: Plan) -> list[str]:
    """Every output at a fixed path."""
    return [path for outputs in light_stages(plan).values() for path in outputs]


def shard_of(plan: Plan, model: str, first: str) -> Shard:
    """The shard of a model that starts at text ``first``."""
    return next(shard for shard in plan.shards if shard.model == model and shard.first == int(first))


def tokenizer_of(plan: Plan, corpus: str, key: str) -> str:
    """The tokenizer behind a corpus key."""
    return next(name for one, name in plan.corpus_tokenizers if one == corpus and plan.corpus_key(one, name) == key)


def corpora_of(plan: Plan, model: str) -> dict[str, str]:
    """Corpus name -> file of its texts, as cut by a model's tokenizer."""
    tokenizer = plan.study.models[model].tokenizer
    return {corpus: str(plan.corpus_path(corpus, tokenizer)) for corpus in plan.study.corpora}


def items_flags(plan: Plan) -> list[str]:
    """All evaluation items as command-line flags."""
    return [f"--items={task}/{split}={plan.items_path(task, split)}" for task, split in plan.task_splits]


def job_text(job: Settings) -> str:
    """A job as one line of JSON for the command line."""
    return canonical(job.model_dump(mode="json"))
