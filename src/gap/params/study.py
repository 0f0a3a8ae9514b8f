"""A study: one complete experiment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from gap.core.digest import canonical
from gap.core.errors import BadInput
from gap.core.settings import Settings
from gap.params.corpora import TITLED, Corpus, metadata_problem
from gap.params.describe import Describe
from gap.params.evaluate import Evaluate
from gap.params.items import Items
from gap.params.jobs import Jobs
from gap.params.methods import Gap, Method
from gap.params.models import Model, PretrainedHere
from gap.params.names import Label, Name, name_in_rule
from gap.params.sources import Source
from gap.params.tokenizers import Tokenizer, TokenizerOfModel
from gap.tasks.registry import TASKS, known_task


def _task_name(name: str) -> str:
    """The name itself, if there is such a task."""
    if name in TASKS.entries:  # outside of the try: what a module registers wrongly is no fault of params.yaml
        return name
    try:
        known_task(name)
    except BadInput as error:
        raise ValueError(str(error)) from error
    return name


#: What tables call all corpora together.
ALL = "all"
TaskName = Annotated[str, AfterValidator(_task_name)]


class Study(Settings):
    """The shared defaults with one study's entries laid over them."""

    name: Name
    title: Label = ""
    seed: int = Field(ge=0, description="Every random choice derives from it.")
    sources: dict[Name, Source] = Field(default_factory=dict)
    tokenizers: dict[Name, Tokenizer] = Field(description="Models that bring their own need no entry.")
    models: dict[Name, Model] = Field(description="In the order of the figures, small to large.")
    corpora: dict[Name, Corpus] = Field(min_length=1)
    describe: Describe
    gap: Gap = Field(description="What the methods share.")
    methods: dict[Name, Method] = Field(min_length=1, description="The first is the study's own; the others stand beside it.")
    evaluate: Evaluate
    items: Items
    tasks: list[TaskName] = Field(
        min_length=1, description="Names of registered tasks (gap.tasks.catalogue), or `lm_eval:NAME` for a task of lm-eval's."
    )
    jobs: Jobs

    @model_validator(mode="before")
    @classmethod
    def _own_tokenizers(cls, raw: Any) -> Any:
        """An entry of ``tokenizers`` for each model that brings its own."""
        models, tokenizers = raw.get("models"), raw.get("tokenizers") or {}
        if not isinstance(models, dict) or not isinstance(tokenizers, dict):
            return raw  # refused by the types
        own = {name: model for name, model in models.items() if brings_its_own(model)}
        for name in own:
            if name in tokenizers and tokenizers[name] != {"kind": "model", "model": name}:
                raise ValueError(
                    f"models.{name}: names no tokenizer, so its own gets its name, which tokenizers.{name} has; rename that one"
                )
        entries = {name: {"kind": "model", "model": name} for name in own}
        return raw | {
            "tokenizers": tokenizers | entries,
            "models": models | {name: model | {"tokenizer": name} for name, model in own.items()},
        }

    @model_validator(mode="after")
    def _check_names(self) -> Study:
        for part in ("sources", "tokenizers", "models", "corpora", "methods"):
            self._check_distinct(part)
        if ALL in self.corpora:
            raise ValueError(f"corpora.{ALL}: this name stands for all corpora together; give the corpus another")
        for name, model in self.models.items():
            _known(f"models.{name}.tokenizer", model.tokenizer, self.tokenizers)
            if isinstance(model, PretrainedHere):
                for source in model.mixture:
                    _known(f"models.{name}.mixture", source, self.sources)
        for name, corpus in self.corpora.items():
            _known(f"corpora.{name}.source", corpus.source, self.sources)
            problem = metadata_problem(corpus, self.sources[corpus.source])
            if problem:
                raise ValueError(f"corpora.{name}.metadata: {problem}; titles have {TITLED}")
        for name, tokenizer in self.tokenizers.items():
            for source in getattr(tokenizer, "mixture", {}):
                _known(f"tokenizers.{name}.mixture", source, self.sources)
            if isinstance(tokenizer, TokenizerOfModel):
                _known(f"tokenizers.{name}.model", tokenizer.model, self.models)
                if isinstance(self.models[tokenizer.model], PretrainedHere):
                    raise ValueError(f"tokenizers.{name}.model: {tokenizer.model!r} is pretrained here and brings no tokenizer")
        self._check_subjects()
        self._check_tasks()
        for name, method in self.methods.items():
            if method.combine and method.gap.texts_per_update > 1:
                raise ValueError(
                    f"methods.{name}: combine and texts_per_update cannot be used together; set gap.texts_per_update to 1 there"
                )
            if method.gap.texts_per_update > method.gap.texts:
                raise ValueError(f"methods.{name}: gap.texts is {method.gap.texts}, less than gap.texts_per_update")
            self._check_retained(name, method.gap)
        self._check_methods()
        for name, model in self.models.items():
            for chosen in model.methods:
                _known(f"models.{name}.methods", chosen, self.methods)
            if model.methods and (own := next(iter(self.methods))) not in model.methods:
                raise ValueError(f"models.{name}.methods: the study's own method {own!r}, the first of `methods`, must be among them")
        self._check_steps()
        if self.items.kind == "folder" and not self.items.path:
            raise ValueError("items.path: kind folder needs a path")
        return self

    def _check_distinct(self, part: str) -> None:
        """Names that differ in more than case, which some file systems do not tell apart, and labels that figures can."""
        names: dict[str, str] = {}
        labels: dict[str, str] = {}
        for name, entry in getattr(self, part).items():
            if names.setdefault(name.lower(), name) != name:
                raise ValueError(f"{part}.{name}: differs from {part}.{names[name.lower()]} in small and capital letters alone; rename one")
            label = getattr(entry, "label", "") or name
            if labels.setdefault(label, name) != name:
                raise ValueError(
                    f"{part}.{name}: the label {label!r}, which {part}.{labels[label]} has too; figures could not tell the two apart"
                )

    def _check_subjects(self) -> None:
        """There is one, and the rules of the workflow that export them have different names."""
        subjects = [name for name, model in self.models.items() if model.role == "subject"]
        if not subjects:
            raise ValueError("models: at least one needs role: subject")
        rules: dict[str, str] = {}
        for name in subjects:
            if (other := rules.setdefault(name_in_rule(name), name)) != name:
                raise ValueError(f"models.{name}: differs from models.{other} in dots, hyphens and underscores alone; rename one")

    def _check_retained(self, name: str, gap: Gap) -> None:
        """A direction that retains texts names a corpus of the study, which has others than a run's own."""
        if gap.retained_corpus is None:
            return
        _known(f"methods.{name}.gap.direction.corpus", gap.retained_corpus, self.corpora)
        texts, least = max(method.gap.texts for method in self.methods.values()), 2 * gap.texts_per_update
        if texts < least:
            raise ValueError(
                f"methods.{name}: a run on corpus {gap.retained_corpus} retains the texts behind its own, and gap.texts is {texts}; set {least} or more"
            )

    def _check_methods(self) -> None:
        """Two methods that would make the same runs show nothing beside each other, as a key swept in vain does."""
        names: dict[str, str] = {}
        for name, method in self.methods.items():
            text = canonical({"method": method.identity(), "updates": method.gap.updates, "texts": method.gap.texts})
            if names.setdefault(text, name) != name:
                raise ValueError(f"methods.{name}: the same runs as methods.{names[text]}; what differs between them has no effect")

    def _check_steps(self) -> None:
        """Every listed step is reached by some method, and every method reaches one."""
        steps = self.evaluate.steps
        if not steps:
            return
        updates = {name: method.gap.updates for name, method in self.methods.items()}
        if steps[-1] > max(updates.values()):
            raise ValueError(f"evaluate.steps: {steps[-1]}, but no method has more than {max(updates.values())} updates")
        for name, count in updates.items():
            if count < steps[0]:
                raise ValueError(f"evaluate.steps: begins at {steps[0]}, but methods.{name} has {count} updates; list one of its steps")

    def _check_tasks(self) -> None:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: a task is named twice")
        for name in self.tasks:
            task = known_task(name)
            splits = task.splits
            # the paper's tasks without a wanted split are passed over: not all of them have a test split
            if (task.files or task.lm_eval_source) and not set(splits) & set(self.evaluate.splits):
                raise ValueError(f"tasks: {name} has only the splits {list(splits)}; name one of them in evaluate.splits, or drop the task")


def brings_its_own(model: Any) -> bool:
    """Whether this entry of ``models``, as it was written, stands for a model with its own tokenizer."""
    return isinstance(model, dict) and model.get("kind") != "pretrain" and not model.get("tokenizer")


def _known(key: str, name: str, entries: dict) -> None:
    if name not in entries:
        raise ValueError(f"{key}: {name!r} is not defined; defined are {sorted(entries)}")
