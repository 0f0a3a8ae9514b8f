"""The plan of a study: its settings, folders, and what its stages agree on.

What a stage makes stands in ``gap.plan.stages``, one module per stage: key, path, job and code together.  A key is a digest of
exactly the settings, upstream keys and code that determine a result, and stands in the result's path; counts (texts, items,
updates) stand in file names.  So a changed parameter names new files and never meets old ones, and asking for more computes only
what is new (docs/architecture.md).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.digest import digest
from gap.plan.fingerprints import Fingerprints
from gap.plan.folders import StudyFolders
from gap.tasks.registry import TASKS

if TYPE_CHECKING:
    from gap.params.methods import Gap
    from gap.params.study import Study


class Plan(StudyFolders):
    """One study that runs models."""

    study: Study

    def __init__(self, study: Study) -> None:
        self.study = study
        self.fingerprints = Fingerprints()
        self._keys: dict[tuple[str, ...], str] = {}

    def remember(self, *name: str, **identity: Any) -> str:
        """The digest of ``identity``, taken once per name."""
        if name not in self._keys:
            self._keys[name] = digest(identity)
        return self._keys[name]

    @property
    def checkpoints(self) -> Path:
        """Folder of the exported checkpoints."""
        return Path("checkpoints") / self.study.name

    @cached_property
    def task_splits(self) -> list[tuple[str, str]]:
        """The (task, split) pairs to score: those of the study's splits that a task has."""
        return [(task, split) for task in self.study.tasks for split in self.study.evaluate.splits if split in TASKS[task].splits]

    @cached_property
    def subjects(self) -> list[str]:
        """Models that are post-trained."""
        return [name for name, model in self.study.models.items() if model.role == "subject"]

    @property
    def references(self) -> list[str]:
        """Models that are scored as they are."""
        return [name for name in self.study.models if name not in self.subjects]

    @property
    def primary(self) -> str:
        """The study's own method."""
        return next(iter(self.study.methods))

    @cached_property
    def tokenizers(self) -> list[str]:
        """The tokenizers that models use, in the models' order."""
        return list(dict.fromkeys(model.tokenizer for model in self.study.models.values()))

    @cached_property
    def corpus_tokenizers(self) -> list[tuple[str, str]]:
        """The (corpus, tokenizer) pairs that subjects need."""
        names = dict.fromkeys(self.study.models[model].tokenizer for model in self.subjects)
        return [(corpus, tokenizer) for tokenizer in names for corpus in self.study.corpora]

    @cached_property
    def corpus_texts(self) -> int:
        """Texts that a corpus must hold: the most that any method asks for."""
        return max(settings.gap.texts for settings in self.study.methods.values())

    @cached_property
    def text_tokens(self) -> int:
        """Tokens of the longest text that any method trains on."""
        return max(self.longest_text(settings.gap) for settings in self.study.methods.values())

    def longest_text(self, gap: Gap) -> int:
        """Tokens of the longest text that a method with these settings trains on."""
        return min(gap.max_tokens, max(corpus.window for corpus in self.study.corpora.values()))
