"""The plan of a study: every output, its path, its key, and the job that makes it.

A key is a digest of exactly the settings, upstream keys and code versions that determine a result, and stands in the
result's path; counts (texts, items, updates) stand in file names.  So a changed parameter names new files and never
meets old ones, and asking for more computes only what is new (docs/architecture.md).
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.generators import GENERATORS
from gap.params.jobs import BASE, CorpusJob, EvaluateJob, ModelJob, PosttrainJob, RunId, TaskJob, TokenizerJob
from gap.params.models import HubModel, LocalModel, Model, PretrainedHere
from gap.params.sources import (
    AuthorsSource,
    FilesSource,
    HubSource,
    ProceduralSource,
    Source,
    StdlibSource,
    TableSource,
    TokenizerFiles,
    TokenizerTrained,
)
from gap.params.study import Study
from gap.plan.code import code_version, module_digest
from gap.plan.fingerprints import Fingerprints
from gap.plan.items import items_identity
from gap.tasks.registry import TASKS

METHOD = "gap"


@dataclass(frozen=True)
class Shard:
    """Text indices ``first`` to ``last - 1`` of every corpus, for one model and method."""

    model: str
    method: str
    first: int
    last: int


class Plan:
    """Keys, paths and jobs of one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.fingerprints = Fingerprints()
        self._keys: dict[tuple[str, ...], str] = {}

    # -- keys ----------------------------------------------------------------------------------------------------

    def _key(self, *name: str, **identity: Any) -> str:
        if name not in self._keys:
            self._keys[name] = digest(identity)
        return self._keys[name]

    def source_identity(self, name: str) -> dict[str, Any]:
        """Settings of a source with the digests of the files it names."""
        source: Source = self.study.sources[name]
        identity = source.identity()
        if isinstance(source, FilesSource):
            identity["paths"] = [self.fingerprints.of(path) for path in source.paths]
        elif isinstance(source, TableSource):
            identity["path"] = self.fingerprints.of(source.path)
        elif isinstance(source, StdlibSource):
            identity["python"] = platform.python_version()
        elif isinstance(source, ProceduralSource):
            modules = (GENERATORS.of(source.generator).module, "gap.core.draw")
            identity |= {"seed": self.study.seed, "code": [module_digest(module) for module in modules]}
        else:
            assert isinstance(source, HubSource | AuthorsSource), "pinned by revision or sha256"
        return identity

    def tokenizer_key(self, name: str) -> str:
        """Key of a tokenizer."""
        tokenizer = self.study.tokenizers[name]
        identity = tokenizer.identity()
        if isinstance(tokenizer, TokenizerTrained):
            identity["sources"] = {source: self.source_identity(source) for source in tokenizer.mixture}
        elif isinstance(tokenizer, TokenizerFiles):
            identity["path"] = self.fingerprints.of(tokenizer.path)
        return self._key("tokenizer", name, settings=identity, code=code_version("models"))

    def model_key(self, name: str) -> str:
        """Key of a base model."""
        model: Model = self.study.models[name]
        identity = model.identity() | {"tokenizer": self.tokenizer_key(model.tokenizer)}
        if isinstance(model, PretrainedHere):
            identity["sources"] = {source: self.source_identity(source) for source in model.mixture}
            identity["seed"] = self.study.seed
        elif isinstance(model, LocalModel):
            identity["path"] = self.fingerprints.of(model.path)
        else:
            assert isinstance(model, HubModel)
        return self._key("model", name, settings=identity, code=code_version("models"))

    def items_key(self, task: str, split: str) -> str:
        """Key of a task's items."""
        identity = items_identity(self.study.items, task, split, self.fingerprints)
        return self._key("items", task, split, items=identity, code=code_version("items"))

    def corpus_key(self, corpus: str, tokenizer: str) -> str:
        """Key of a corpus as cut by a tokenizer."""
        settings = self.study.corpora[corpus]
        identity: dict[str, Any] = {
            "settings": settings.identity() | {"source": self.source_identity(settings.source)},
            "tokenizer": self.tokenizer_key(tokenizer),
            "seed": self.study.seed,
            "code": code_version("corpora"),
        }
        if settings.metadata == "title":
            identity["title"] = getattr(self.study.sources[settings.source], "title_column", None)
        if settings.overlap == "remove":
            identity["items"] = [self.items_key(task, split) for task, split in self.task_splits]
        return self._key("corpus", corpus, tokenizer, **identity)

    def run_key(self, model: str, method: str, corpus: str, text: int) -> str:
        """Identity of one run: what determines its trajectory."""
        return digest(
            {
                "model": self.model_key(model),
                "gap": self.study.gap.identity(),
                "corpus": self.corpus_key(corpus, self.study.models[model].tokenizer),
                "text": text,
                "code": code_version("posttrain"),
            },
            16,
        )

    def scores_key(self, task: str, split: str) -> str:
        """Key of how one task's split is scored."""
        return self._key(
            "scores", task, split, items=self.items_key(task, split), settings=self.study.evaluate.identity(), code=code_version("evaluate")
        )

    # -- what exists -----------------------------------------------------------------------------------------------

    @cached_property
    def task_splits(self) -> list[tuple[str, str]]:
        """The (task, split) pairs to score: those of the wanted splits that a task has."""
        return [(task, split) for task in self.study.tasks for split in self.study.evaluate.splits if split in TASKS[task].splits]

    @cached_property
    def subjects(self) -> list[str]:
        """Models that are post-trained."""
        return [name for name, model in self.study.models.items() if model.role == "subject"]

    @cached_property
    def shards(self) -> list[Shard]:
        """The jobs of post-training, and per task of evaluation."""
        size, texts = self.study.jobs.texts_per_job, self.study.gap.texts
        return [Shard(model, METHOD, first, min(first + size, texts)) for model in self.subjects for first in range(0, texts, size)]

    def runs(self, shard: Shard) -> list[RunId]:
        """The runs of a shard, corpus by corpus."""
        return [
            RunId(run=self.run_key(shard.model, shard.method, corpus, text), corpus=corpus, text=text)
            for corpus in self.study.corpora
            for text in range(shard.first, shard.last)
        ]

    @cached_property
    def tokenizers(self) -> list[str]:
        """The tokenizers that models use, in the models' order."""
        return list(dict.fromkeys(model.tokenizer for model in self.study.models.values()))

    @cached_property
    def corpus_tokenizers(self) -> list[tuple[str, str]]:
        """The (corpus, tokenizer) pairs that subjects need."""
        names = dict.fromkeys(self.study.models[model].tokenizer for model in self.subjects)
        return [(corpus, tokenizer) for tokenizer in names for corpus in self.study.corpora]

    # -- paths -----------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Path:
        """Folder of tokenizers, items, corpora and base models."""
        return Path("data") / self.study.name

    @property
    def results(self) -> Path:
        """Folder of everything computed from them."""
        return Path("results") / self.study.name

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return Path("figures") / self.study.name

    def tokenizer_path(self, name: str) -> Path:
        """The tokenizer's main file."""
        return self.data / "tokenizers" / f"{name}-{self.tokenizer_key(name)}" / "tokenizer.json"

    def model_path(self, name: str) -> Path:
        """The model's birth record, written last into its folder."""
        return self.data / "models" / f"{name}-{self.model_key(name)}" / "birth.json"

    def items_path(self, task: str, split: str) -> Path:
        """The fetched items."""
        return self.data / "items" / f"{task}-{self.items_key(task, split)}" / f"{split}.jsonl"

    def corpus_path(self, corpus: str, tokenizer: str) -> Path:
        """The texts."""
        return self.data / "corpora" / f"{corpus}-{self.corpus_key(corpus, tokenizer)}" / f"texts-{self.study.gap.texts:04d}.parquet"

    def trajectories_path(self, shard: Shard) -> Path:
        """The shard's trajectories."""
        name = digest([[run.run for run in self.runs(shard)], self.study.gap.updates], 8)
        return (
            self.results
            / "runs"
            / f"{shard.model}-{self.model_key(shard.model)}"
            / f"texts-{shard.first:04d}-{shard.last:04d}-{name}.parquet"
        )

    def scores_folder(self, model: str, task: str, split: str) -> Path:
        """Folder of a model's item scores on one task."""
        return self.results / "scores" / f"{task}-{split}-{self.scores_key(task, split)}" / f"{model}-{self.model_key(model)}"

    def base_scores_path(self, model: str, task: str, split: str) -> Path:
        """Item scores of the unmodified model."""
        return self.scores_folder(model, task, split) / f"base-items-{self.study.evaluate.items:05d}.parquet"

    def scores_path(self, shard: Shard, task: str, split: str) -> Path:
        """Item scores of a shard's runs."""
        name = digest([[run.run for run in self.runs(shard)], self.study.gap.updates, self.study.evaluate.items], 8)
        return self.scores_folder(shard.model, task, split) / f"texts-{shard.first:04d}-{shard.last:04d}-{name}.parquet"

    # -- jobs ------------------------------------------------------------------------------------------------------

    def _sources(self, mixture: dict[str, float]) -> dict[str, Source]:
        return {name: self.study.sources[name] for name in mixture}

    def items_job(self, task: str, split: str) -> TaskJob:
        """Fetch a task's split."""
        return TaskJob(task=task, split=split, items=self.study.items)

    def tokenizer_job(self, name: str) -> TokenizerJob:
        """Make a tokenizer."""
        tokenizer = self.study.tokenizers[name]
        return TokenizerJob(name=name, tokenizer=tokenizer, sources=self._sources(getattr(tokenizer, "mixture", {})), seed=self.study.seed)

    def model_job(self, name: str) -> ModelJob:
        """Make a base model."""
        model = self.study.models[name]
        return ModelJob(name=name, model=model, sources=self._sources(getattr(model, "mixture", {})), seed=self.study.seed)

    def corpus_job(self, corpus: str) -> CorpusJob:
        """Sample a corpus."""
        settings = self.study.corpora[corpus]
        return CorpusJob(
            name=corpus, corpus=settings, source=self.study.sources[settings.source], texts=self.study.gap.texts, seed=self.study.seed
        )

    def posttrain_job(self, shard: Shard) -> PosttrainJob:
        """Post-train a shard."""
        return PosttrainJob(
            model=shard.model, method=shard.method, gap=self.study.gap, updates=self.study.gap.updates, runs=self.runs(shard)
        )

    def evaluate_job(self, model: str, task: str, split: str, shard: Shard | None = None) -> EvaluateJob:
        """Score a shard on a task, or without one the unmodified model."""
        common: dict[str, Any] = {
            "model": model,
            "task": task,
            "split": split,
            "evaluate": self.study.evaluate,
            "items": self.study.evaluate.items,
        }
        if shard is None:
            return EvaluateJob(method="", **common)
        # The first shard scores the unmodified model too: one process less per task than a job of its own.
        runs = [BASE, *self.runs(shard)] if shard.first == 0 else self.runs(shard)
        return EvaluateJob(method=shard.method, gap=self.study.gap, updates=self.study.gap.updates, runs=runs, **common)
