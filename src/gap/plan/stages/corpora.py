"""Corpora: the texts of the runs, as a model's tokenizer cuts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.params.corpora import CorpusJob
from gap.params.sources import AuthorsSource, FilesSource, HubSource, ProceduralSource, StdlibSource, TableSource
from gap.plan.code import code_version
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.sources import source_identity
from gap.plan.stages import items, tokenizers

SAMPLE, OVERLAP = CODE = ("gap.corpora.sample", "gap.corpora.overlap")


def extensions() -> tuple[str, ...]:
    """The modules that read sources, one per kind."""
    kinds = (StdlibSource, FilesSource, TableSource, HubSource, AuthorsSource, ProceduralSource)
    return tuple(kind.reader for kind in kinds)


def key(plan: Plan, corpus: str, tokenizer: str) -> str:
    """Key of a corpus as cut by a tokenizer."""
    settings = plan.study.corpora[corpus]
    source = plan.study.sources[settings.source]
    identity: dict[str, Any] = {
        "settings": settings.identity() | {"source": source_identity(source, plan.study.seed, plan.fingerprints)},
        "tokenizer": tokenizers.key(plan, tokenizer),
        "seed": plan.study.seed,
        "code": code_version(SAMPLE),
    }
    if settings.metadata == "title":
        identity["title"] = getattr(source, "title_column", None)
    if settings.overlap == "remove":
        identity["items"] = [items.key(plan, task, split) for task, split in plan.task_splits]
    return plan.remember("corpus", corpus, tokenizer, **identity)


def path(plan: Plan, corpus: str, tokenizer: str) -> Path:
    """The texts."""
    return plan.data / "corpora" / f"{corpus}-{key(plan, corpus, tokenizer)}" / f"texts-{plan.corpus_texts:04d}.parquet"


def job(plan: Plan, corpus: str) -> CorpusJob:
    """Sample a corpus."""
    settings = plan.study.corpora[corpus]
    source = plan.study.sources[settings.source]
    return CorpusJob(name=corpus, corpus=settings, source=source, texts=plan.corpus_texts, seed=plan.study.seed)


def tokenizer_of(plan: Plan, corpus: str, corpus_key: str) -> str:
    """The tokenizer behind a corpus key."""
    return next(name for pair, name in plan.corpus_tokenizers if pair == corpus and key(plan, pair, name) == corpus_key)


def removed_items(plan: Plan, corpus: str) -> list[tuple[str, str]]:
    """The (task, split) pairs that sampling holds a corpus against: all, or none where overlaps are only reported."""
    return plan.task_splits if plan.study.corpora[corpus].overlap == "remove" else []


def of_model(plan: Plan, model: str) -> dict[str, str]:
    """Corpus name -> file of its texts, as cut by a model's tokenizer."""
    tokenizer = plan.study.models[model].tokenizer
    return {corpus: str(path(plan, corpus, tokenizer)) for corpus in plan.study.corpora}


def flags(plan: Plan, model: str) -> list[str]:
    """A model's corpora as command-line flags."""
    return [f"--corpus={corpus}={file}" for corpus, file in of_model(plan, model).items()]


def inputs_for(plan: Plan, model: str, outputs: list[Path]) -> list[str]:
    """Files of texts that must be there before ``outputs`` are made: none where all of them exist.

    The first texts of a corpus do not depend on how many are asked for, so a finished shard never needs a longer file; naming it
    as an input would run the shard again (Snakemake follows inputs that are to be made, ``ancient`` or not).
    """
    return [] if all(output.exists() for output in outputs) else list(of_model(plan, model).values())


def light_stages(plan: Plan) -> list[LightStage]:
    """The report on texts that quote evaluation items."""
    return [LightStage("overlap", {"overlap": plan.results / "checks/overlap.json"}, (OVERLAP,), reads=("corpora", "items"))]
