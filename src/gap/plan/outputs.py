"""Lists and look-ups that the Snakemake rules need."""

from __future__ import annotations

from pathlib import Path

from gap.core.digest import canonical
from gap.core.settings import Settings
from gap.plan.build import Plan, Shard
from gap.plan.features import features_path
from gap.plan.light import score_files


def heavy_outputs(plan: Plan) -> list[str]:
    """Every output whose path carries its key."""
    study = plan.study
    paths = [plan.tokenizer_path(name) for name in plan.tokenizers]
    paths += [plan.items_path(task, split) for task, split in plan.task_splits]
    paths += [plan.corpus_path(corpus, tokenizer) for corpus, tokenizer in plan.corpus_tokenizers]
    paths += [plan.model_path(name) for name in study.models]
    paths += [features_path(plan, model) for model in plan.subjects]
    paths += [plan.trajectories_path(shard) for shard in plan.shards]
    paths += [path for *_, path in score_files(plan)]
    return [str(path) for path in paths]


def shard_of(plan: Plan, model: str, method: str, first: str) -> Shard:
    """The shard of a model and method that starts at text ``first``."""
    return next(shard for shard in plan.shards if (shard.model, shard.method, shard.first) == (model, method, int(first)))


def tokenizer_of(plan: Plan, corpus: str, key: str) -> str:
    """The tokenizer behind a corpus key."""
    return next(name for one, name in plan.corpus_tokenizers if one == corpus and plan.corpus_key(one, name) == key)


def corpora_of(plan: Plan, model: str) -> dict[str, str]:
    """Corpus name -> file of its texts, as cut by a model's tokenizer."""
    tokenizer = plan.study.models[model].tokenizer
    return {corpus: str(plan.corpus_path(corpus, tokenizer)) for corpus in plan.study.corpora}


def texts_for_runs(plan: Plan, shard: Shard) -> list[str]:
    """Files of texts that a shard's post-training must wait for."""
    return _texts_for(plan, shard.model, plan.trajectories_path(shard))


def texts_for_features(plan: Plan, model: str) -> list[str]:
    """Files of texts that their description by a model must wait for."""
    return _texts_for(plan, model, features_path(plan, model))


def texts_for_scores(plan: Plan, shard: Shard, task: str, split: str) -> list[str]:
    """Files of texts that a shard's evaluation must wait for."""
    return _texts_for(plan, shard.model, plan.scores_path(shard, task, split))


def _texts_for(plan: Plan, model: str, output: Path) -> list[str]:
    """None when the output exists.

    The first texts of a corpus do not depend on how many are asked for, so a finished shard never needs a longer file;
    naming it as an input would run the shard again (Snakemake follows inputs that are to be made, ``ancient`` or not).
    """
    return [] if output.exists() else list(corpora_of(plan, model).values())


def items_flags(plan: Plan, pairs: list[tuple[str, str]]) -> list[str]:
    """Evaluation items of these (task, split) pairs as command-line flags."""
    return [f"--items={task}/{split}={plan.items_path(task, split)}" for task, split in pairs]


def removal_items(plan: Plan, corpus: str) -> list[tuple[str, str]]:
    """The (task, split) pairs whose items a corpus is held against while it is sampled: all of them, or none when overlaps are only reported."""
    return plan.task_splits if plan.study.corpora[corpus].overlap == "remove" else []


def job_text(job: Settings) -> str:
    """A job as one line of JSON for the command line."""
    return canonical(job.model_dump(mode="json"))
