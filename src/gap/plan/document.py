"""plan.json: the resolved study with every path, the only input of the light stages; and all heavy outputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gap.core.digest import digest
from gap.plan.code import code_version
from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.stages import corpora, describe, evaluate, figures, items, models, posttrain, stage_units, tokenizers
from gap.tasks.registry import TASKS, task_card

#: Parts that the digest leaves out: names of light outputs, so that another table or figure makes no other one anew; settings of light
#: stages and versions of code, which stand in the keys of what they reach; what `gap provenance` is told alone.
LIGHT = ("light", "settings", "figure_names", "table_names", "code", "stages", "tokenizers")


def plan_document(plan: Plan, light: Iterable[LightStage]) -> dict[str, Any]:
    """What plan.json holds, with a digest of what determines the numbers."""
    study, light = plan.study, list(light)
    document: dict[str, Any] = {
        "study": study.model_dump(mode="json"),
        "models": {
            name: {
                "role": model.role,
                "label": model.label or name,
                "folder": str(models.path(plan, name).parent),
                "key": models.key(plan, name),
            }
            for name, model in study.models.items()
        },
        # a list: the first is the study's own, and plan.json sorts the keys of mappings
        "methods": [
            {"name": name, "label": method.label or name, "texts": method.gap.texts, "updates": method.gap.updates}
            for name, method in study.methods.items()
        ],
        "corpora": [_corpus(plan, corpus, tokenizer) for corpus, tokenizer in plan.corpus_tokenizers],
        "tasks": {task: task_card(TASKS[task]) for task in study.tasks},
        "items": {
            task: {split: str(items.path(plan, task, split)) for name, split in plan.task_splits if name == task} for task in study.tasks
        },
        "runs": [
            {"model": shard.model, "method": shard.method, **run.model_dump(mode="json")}
            for shard in posttrain.shards(plan)
            for run in posttrain.runs(plan, shard)
        ],
        "features": [str(describe.path(plan, model)) for model in plan.subjects],
        "trajectories": [str(posttrain.path(plan, shard)) for shard in posttrain.shards(plan)],
        "scores": [{"model": model, "task": task, "split": split, "path": str(path)} for model, task, split, path in evaluate.files(plan)],
        "light": {
            **{name: str(path) for stage in light for name, path in stage.outputs.items()},
            "figures": str(plan.figures),
            "checkpoints": str(plan.checkpoints),
        },
        "settings": {name: value for stage in light for name, value in stage.settings.items()},
        "figure_names": figures.figure_names(plan),
        "table_names": figures.table_names(plan),
        "code": {unit: code_version(unit) for unit in stage_units()},
        "stages": {stage.name: stage.entry for stage in light},
        "tokenizers": {name: str(tokenizers.path(plan, name)) for name in plan.tokenizers},
    }
    return document | {"digest": digest({name: value for name, value in document.items() if name not in LIGHT})}


def _corpus(plan: Plan, corpus: str, tokenizer: str) -> dict[str, Any]:
    return {
        "name": corpus,
        "label": plan.study.corpora[corpus].label or corpus,
        "tokenizer": tokenizer,
        "path": str(corpora.path(plan, corpus, tokenizer)),
        "models": [name for name in plan.subjects if plan.study.models[name].tokenizer == tokenizer],
    }


def heavy_outputs(plan: Plan) -> list[str]:
    """Every output whose path carries its key."""
    paths = [tokenizers.path(plan, name) for name in plan.tokenizers]
    paths += [items.path(plan, task, split) for task, split in plan.task_splits]
    paths += [corpora.path(plan, corpus, tokenizer) for corpus, tokenizer in plan.corpus_tokenizers]
    paths += [file for name in plan.study.models for file in models.files(plan, name)]
    paths += [describe.path(plan, model) for model in plan.subjects]
    paths += [posttrain.path(plan, shard) for shard in posttrain.shards(plan)]
    paths += [path for *_, path in evaluate.files(plan)]
    return [str(path) for path in paths]
