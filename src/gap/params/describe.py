"""Text features: how texts are described, and the job that describes them."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from pydantic import Field, model_validator

from gap.core.digest import digest
from gap.core.settings import Settings
from gap.params.runs import TextId


class Describe(Settings):
    """What the base model makes of each text before any update, always in fp32."""

    ngram: int = Field(ge=1, description="Length of the n-grams that extraction likelihood counts.")
    prefixes: int = Field(ge=1, description="Beginnings of a text that are continued greedily, evenly spaced.")
    continuation: int = Field(ge=1, description="Tokens that each is continued by, at most; not less than ngram.")
    gradient_items: int = Field(ge=0, description="Items per task, from the first, behind the task's gradient; 0 leaves gradients out.")
    gradients_gib: float = Field(
        gt=0, description="Memory for gradients of tasks that are held at once; with less, each text's gradient is taken more than once."
    )

    COUNTS: ClassVar[frozenset[str]] = frozenset({"gradients_gib"})

    @model_validator(mode="after")
    def _check_lengths(self) -> Describe:
        if self.continuation < self.ngram:
            raise ValueError(f"continuation: {self.continuation} tokens hold no {self.ngram}-gram; allowed are {self.ngram} or more")
        return self


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
    code: dict[str, str] = Field(default_factory=dict, description="Module -> version of its code; the command line fills it in.")

    @cached_property
    def texts(self) -> list[TextId]:
        """The texts, corpus by corpus."""
        return [
            TextId(digest({"corpus": key, "text": text}, 16), corpus, text)
            for corpus, key in self.corpora.items()
            for text in range(self.first, self.last)
        ]
