"""What one job of each heavy stage is told: the contract between the plan (which makes these) and the CLI.

Rules pass a job as JSON to ``gap <stage> --job``; file paths travel beside it, so that a job's text names exactly what
determines its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import Field

from gap.core.digest import digest
from gap.core.settings import Settings
from gap.params.methods import Describe, Evaluate, Items, Method
from gap.params.models import Model
from gap.params.sources import Corpus, Source, Tokenizer


class TaskJob(Settings):
    """Fetch one task's split in the hub's column schema."""

    task: str
    split: str
    items: Items


class TokenizerJob(Settings):
    """Make or copy a tokenizer."""

    name: str
    tokenizer: Tokenizer
    sources: dict[str, Source] = Field({}, description="The sources that the mixture names.")
    seed: int


class ModelJob(Settings):
    """Make or copy a base model."""

    name: str
    model: Model
    sources: dict[str, Source] = Field(default_factory=dict)
    seed: int


class CorpusJob(Settings):
    """Sample ``texts`` texts of one corpus."""

    name: str
    corpus: Corpus
    source: Source
    texts: int
    seed: int


@dataclass(frozen=True)
class TextId:
    """One text: the digest of what determines its token ids (corpus, tokenizer, index), and its readable parts."""

    id: str
    corpus: str
    text: int

    @property
    def indices(self) -> list[int]:
        """The one text."""
        return [self.text]


class GradientTask(Settings):
    """A task whose gradient is taken on one split; ``basis`` is the digest of its items."""

    task: str
    split: str
    basis: str


class DescribeJob(Settings):
    """Describe texts by what one base model makes of them."""

    model: str
    describe: Describe
    max_tokens: int = Field(description="Texts are cut here, as post-training does.")
    max_length: int = Field(description="Tokens of context and continuation of an item, as evaluation cuts them.")
    tasks: list[GradientTask]
    corpora: dict[str, str] = Field(description="Corpus name -> digest of the corpus as the model's tokenizer cuts it.")
    first: int = Field(ge=0, description="First index in each corpus.")
    last: int = Field(description="First index that is not described.")

    @cached_property
    def texts(self) -> list[TextId]:
        """The texts, corpus by corpus."""
        return [
            TextId(digest({"corpus": key, "text": text}, 16), corpus, text)
            for corpus, key in self.corpora.items()
            for text in range(self.first, self.last)
        ]


class RunId(Settings):
    """One run: the digest of (base model, method, corpus, texts) and its readable parts; ``text`` is the first of them."""

    run: str
    corpus: str
    text: int
    members: list[list[int]] = Field(
        default_factory=list, description="Texts of each update, for each run that is combined; the one text where empty."
    )

    @property
    def texts(self) -> list[list[int]]:
        """Text indices: one list per run that is combined (usually one), its texts of each update (usually one)."""
        return self.members or [[self.text]]

    @property
    def indices(self) -> list[int]:
        """All its texts."""
        return [index for update in self.texts for index in update]


#: The unmodified model as a pseudo-run of step 0.
BASE = RunId(run="base", corpus="", text=-1)


class PosttrainJob(Settings):
    """Post-train one model on a shard of texts."""

    model: str
    method: str
    settings: Method
    updates: int
    runs: list[RunId]


#: How items are scored: by the fast paths that suit the model, by single sequences without any, or by lm-eval's HF backend.
Scorer = Literal["auto", "plain", "lm-eval"]


class ScoredTask(Settings):
    """One split of one task."""

    task: str
    split: str


class EvaluateJob(Settings):
    """Score tasks on every step of a shard of runs (none: the unmodified model alone, step 0)."""

    model: str
    method: str
    tasks: list[ScoredTask] = Field(min_length=1)
    settings: Method | None = None
    updates: int = 0
    evaluate: Evaluate
    items: int
    runs: list[RunId] = Field(default_factory=list)
