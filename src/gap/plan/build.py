"""The plan of a study: every output, its path, its key, and the job that makes it.

A key is a digest of exactly the settings, upstream keys and code versions that determine a result, and stands in the
result's path; counts (texts, items, updates) stand in file names.  So a changed parameter names new files and never
meets old ones, and asking for more computes only what is new (docs/architecture.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.params.jobs import BASE, CorpusJob, EvaluateJob, ModelJob, PosttrainJob, RunId, TaskJob, TokenizerJob
from gap.params.models import HubModel, LocalModel, Model, PretrainedHere
from gap.params.sources import (
    Source,
    TokenizerFiles,
    TokenizerTrained,
)
from gap.params.study import Study
from gap.plan.code import code_version
from gap.plan.fingerprints import Fingerprints
from gap.plan.items import items_identity
from gap.plan.sources import source_identity
from gap.tasks.registry import TASKS


@dataclass(frozen=True)
class Shard:
    """Runs on the text indices ``first`` to ``last - 1`` of every corpus, for one model and method."""

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
        """Settings of a source with the digests of what it reads or runs."""
        return source_identity(self.study.sources[name], self.study.seed, self.fingerprints)

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

    def run_key(self, model: str, method: str, corpus: str, texts: list[list[int]]) -> str:
        """Identity of one run: what determines its checkpoints."""
        settings = self.study.methods[method]
        return digest(
            {
                "model": self.model_key(model),
                "method": settings.identity(),
                "corpus": self.corpus_key(corpus, self.study.models[model].tokenizer),
                "texts": texts,
                "code": {unit: code_version(unit) for unit in ("posttrain", *settings.modules)},
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

    @property
    def primary(self) -> str:
        """The study's own method."""
        return next(iter(self.study.methods))

    @cached_property
    def shards(self) -> list[Shard]:
        """The jobs of post-training, and per task of evaluation; a method that combines runs has one per model."""
        found = []
        for model in self.subjects:
            for method, settings in self.study.methods.items():
                texts = settings.gap.texts
                size = texts if settings.combine else self.study.jobs.texts_per_job
                found += [Shard(model, method, first, min(first + size, texts)) for first in range(0, texts, size)]
        return [shard for shard in found if self.texts(shard)]

    def runs(self, shard: Shard) -> list[RunId]:
        """The runs of a shard, corpus by corpus."""
        return [self._run(shard, corpus, texts) for corpus in self.study.corpora for texts in self.texts(shard)]

    def texts(self, shard: Shard) -> list[list[list[int]]]:
        """Text indices of each run of a shard on a corpus (``RunId.texts``): its texts of every update, or those of all runs combined."""
        settings = self.study.methods[shard.method]
        together, count = settings.gap.texts_per_update, settings.gap.texts
        groups = [list(range(first, first + together)) for first in range(0, count - together + 1, together)]
        own = [group for group in groups if shard.first <= group[0] < shard.last]
        return [own] if settings.combine else [[group] for group in own]

    def _run(self, shard: Shard, corpus: str, texts: list[list[int]]) -> RunId:
        first = texts[0][0]
        members = [] if texts == [[first]] else texts
        return RunId(run=self.run_key(shard.model, shard.method, corpus, texts), corpus=corpus, text=first, members=members)

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
        """The model's provenance record, written last into its folder."""
        return self.data / "models" / f"{name}-{self.model_key(name)}" / "provenance.json"

    def items_path(self, task: str, split: str) -> Path:
        """The fetched items."""
        return self.data / "items" / f"{task}-{self.items_key(task, split)}" / f"{split}.jsonl"

    def corpus_path(self, corpus: str, tokenizer: str) -> Path:
        """The texts."""
        return self.data / "corpora" / f"{corpus}-{self.corpus_key(corpus, tokenizer)}" / f"texts-{self.corpus_texts:04d}.parquet"

    @cached_property
    def corpus_texts(self) -> int:
        """Texts that a corpus must hold: the most that any method asks for."""
        return max(settings.gap.texts for settings in self.study.methods.values())

    def trajectories_path(self, shard: Shard) -> Path:
        """The shard's trajectories."""
        return self.results / "runs" / f"{shard.model}-{self.model_key(shard.model)}" / self._shard_file(shard, self._updates(shard))

    def scores_folder(self, model: str, task: str, split: str) -> Path:
        """Folder of a model's item scores on one task."""
        return self.results / "scores" / f"{task}-{split}-{self.scores_key(task, split)}" / f"{model}-{self.model_key(model)}"

    def base_scores_path(self, model: str, task: str, split: str) -> Path:
        """Item scores of the unmodified model."""
        return self.scores_folder(model, task, split) / f"base-items-{self.study.evaluate.items:05d}.parquet"

    def scores_path(self, shard: Shard, task: str, split: str) -> Path:
        """Item scores of a shard's runs."""
        return self.scores_folder(shard.model, task, split) / self._shard_file(shard, self._updates(shard), self.study.evaluate.items)

    def _updates(self, shard: Shard) -> int:
        return self.study.methods[shard.method].gap.updates

    def _shard_file(self, shard: Shard, *counts: int) -> str:
        name = digest([[run.run for run in self.runs(shard)], *counts], 8)
        return f"{shard.method}-texts-{shard.first:04d}-{shard.last:04d}-{name}.parquet"

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
            name=corpus, corpus=settings, source=self.study.sources[settings.source], texts=self.corpus_texts, seed=self.study.seed
        )

    def posttrain_job(self, shard: Shard) -> PosttrainJob:
        """Post-train a shard."""
        settings = self.study.methods[shard.method]
        return PosttrainJob(model=shard.model, method=shard.method, settings=settings, updates=settings.gap.updates, runs=self.runs(shard))

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
        with_base = shard.first == 0 and shard.method == self.primary
        runs = [BASE, *self.runs(shard)] if with_base else self.runs(shard)
        settings = self.study.methods[shard.method]
        return EvaluateJob(method=shard.method, settings=settings, updates=settings.gap.updates, runs=runs, **common)
