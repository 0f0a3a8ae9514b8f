"""The plan of a made-up study, as the workflow would write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.figures.registry import StudyShape, figure_names, table_names
from gap.params.preregistration import FILE
from gap.params.preregistration_file import read_preregistration
from gap.plan.stages.estimate import TABLES as ESTIMATES
from gap.tasks.registry import TASKS

TASK_NAMES = ("piqa", "arc_easy", "copa", "pubmed_qa", "blended_skill_talk", "wizard_of_wikipedia")
LABELS = {"seen": "seen text", "prose": "unseen prose", "code": "source code"}


@dataclass(frozen=True)
class Shape:
    """How large the study is."""

    subjects: dict[str, str]
    reference: dict[str, str]
    corpora: tuple[str, ...] = ("seen", "prose", "code")
    texts: int = 5
    updates: int = 7
    items: int = 24
    tasks: tuple[str, ...] = TASK_NAMES
    splits: tuple[str, ...] = ("validation",)
    skipped: int = 0
    shard: int = 3
    controls: int = 0  # texts of a second method
    seed: int = 7


#: The same with a second method on two texts.
CONTROLLED = Shape(subjects={"tiny": "0.2M", "big": "0.5M"}, reference={"huge": "1.2M"}, controls=2)

#: Small to large is not the alphabetical order, on purpose: plan.json sorts its keys.
SMALL = Shape(subjects={"tiny": "0.2M", "big": "0.5M"}, reference={"huge": "1.2M"})


def methods(shape: Shape) -> dict[str, tuple[str, int]]:
    """Name -> direction and texts; the study's own method comes last in the alphabet, on purpose."""
    own = {"up": ("ascent", shape.texts)}
    return own | {"down": ("descent", shape.controls)} if shape.controls else own


def study_shape(shape: Shape) -> StudyShape:
    """What its figures and tables depend on."""
    groups = tuple(dict.fromkeys(TASKS[task].group for task in shape.tasks))
    return StudyShape(groups, tuple(methods(shape)), pretrained=True, texts=100)  # every figure, however few the runs


def _gap(shape: Shape) -> dict[str, Any]:
    return {
        "direction": {"kind": "ascent"},
        "optimizer": {"kind": "adam", "betas": [0.9, 0.98], "eps": 1e-8, "weight_decay": 0.0, "implementation": "foreach"},
        "learning_rate": 5e-5,
        "precision": "fp32",
        "updates": shape.updates,
        "texts": shape.texts,
    }


def _study(shape: Shape) -> dict[str, Any]:
    model = {"kind": "pretrain", "tokenizer": "bpe", "hidden_size": 64, "layers": 2, "heads": 4, "mixture": {"docs": 1.0}, "tokens": 1000}
    return {
        "name": "synthetic",
        "title": "A made-up study",
        "seed": shape.seed,
        "sources": {"docs": {"kind": "stdlib", "content": "docs", "heldout": 0.1}},
        "tokenizers": {"bpe": {"kind": "train", "mixture": {"docs": 1.0}, "vocab_size": 512, "max_bytes": 10000}},
        "models": {name: model | {"role": "subject", "label": label} for name, label in shape.subjects.items()}
        | {name: model | {"role": "reference", "label": label} for name, label in shape.reference.items()},
        "corpora": {name: {"source": "docs", "part": "all", "window": 200, "label": LABELS.get(name, name)} for name in shape.corpora},
        "gap": _gap(shape),
        "methods": {
            name: {
                "label": name.upper(),
                "gap": _gap(shape) | {"direction": {"kind": kind}, "texts": texts},
                "transforms": [],
                "combine": None,
            }
            for name, (kind, texts) in methods(shape).items()
        },
        "evaluate": {"items": shape.items, "splits": list(shape.splits), "precision": "fp32", "max_length": 512, "max_new_tokens": 32},
        "items": {"kind": "miniature", "path": None},
        "tasks": list(shape.tasks),
        "jobs": {"texts_per_job": shape.shard, "threads": 1, "device": "cpu"},
    }


def make_plan(folder: Path, shape: Shape) -> dict[str, Any]:
    """The plan of a study whose files lie below ``folder``."""
    models = [*shape.subjects, *shape.reference]
    splits = {task: [split for split in shape.splits if split in TASKS[task].splits] for task in shape.tasks}
    cells = [(task, split) for task in shape.tasks for split in splits[task]]
    firsts = range(0, shape.texts, shape.shard)
    scores = [
        {"model": model, "task": task, "split": split, "path": f"{folder}/scores/{task}-{split}/{model}@base.parquet"}
        for task, split in cells
        for model in shape.reference
    ]
    scores += [
        {"model": model, "task": task, "split": split, "path": f"{folder}/scores/{task}-{split}/{model}@{first}.parquet"}
        for task, split in cells
        for model in shape.subjects
        for first in firsts
    ]
    plan: dict[str, Any] = {
        "study": _study(shape),
        "models": {
            name: {
                "role": "subject" if name in shape.subjects else "reference",
                "label": (shape.subjects | shape.reference)[name],
                "folder": f"{folder}/models/{name}",
                "key": digest(name),
            }
            for name in models
        },
        "corpora": [
            {
                "name": name,
                "label": LABELS.get(name, name),
                "tokenizer": "bpe",
                "path": f"{folder}/corpora/{name}.parquet",
                "models": list(shape.subjects),
            }
            for name in shape.corpora
        ],
        "items": {task: {split: f"{folder}/items/{task}/{split}.jsonl" for split in splits[task]} for task in shape.tasks},
        "tasks": {
            task: {"label": TASKS[task].label, "group": TASKS[task].group, "metric": TASKS[task].metric, "chance": TASKS[task].chance}
            for task in shape.tasks
        },
        "figure_names": figure_names(study_shape(shape)),
        "table_names": table_names(study_shape(shape)),
        "runs": [
            {
                "model": model,
                "method": method,
                "corpus": corpus,
                "text": text,
                "run": digest([model, method, corpus, text], 16),
                "members": [],
            }
            for model in shape.subjects
            for method, (_, texts) in methods(shape).items()
            for corpus in shape.corpora
            for text in range(texts)
        ],
        "methods": [
            {"name": name, "label": name.upper(), "texts": texts, "updates": shape.updates} for name, (_, texts) in methods(shape).items()
        ],
        "features": [f"{folder}/features/{model}@{first}.parquet" for model in shape.subjects for first in firsts],
        "trajectories": [f"{folder}/runs/{model}@{first}.parquet" for model in shape.subjects for first in firsts],
        "scores": scores,
        "light": _light(folder, shape),
        "settings": {"preregistration": read_preregistration("demo", Path(__file__).resolve().parents[2] / FILE)},
        "code": {"aggregate": "v1", "figures": "v1"},
    }
    return plan | {"digest": digest([plan["runs"], plan["study"]])}


def _light(folder: Path, shape: Shape) -> dict[str, str]:
    results = folder / "results"
    names = {
        name: results / "observations" / f"{name}.parquet"
        for name in ("texts", "text_features", "trajectories", "run_scores", "selections")
    }
    names |= {
        "contrasts": results / "tables/contrasts.csv",
        "estimates": results / "tables/estimates.csv",
        "familiarity": results / "tables/familiarity.csv",
        "metrics": results / "metrics.json",
        "figures": folder / "figures",
    }
    names |= {name: results / f"observations/{name}.parquet" for name in ESTIMATES} | {"verdicts": results / "verdicts.json"}
    names |= {
        "fetch_lock": folder / "fetch.lock.json",
        "overlap": folder / "overlap.json",
        "boundary": folder / "boundary.json",
        "noise": folder / "noise.json",
    }
    names |= {"plot_steps": results / "plots/score_by_step.csv", "plot_runs": results / "plots/gain_by_run.csv"}
    names |= {
        "plot_pretraining": results / "plots/pretraining.csv",
        "captions": folder / "figures/captions.json",
        "report": results / "report.html",
    }
    names |= {
        f"{table}_{ending}": results / f"tables/{table}.{ending}"
        for table in ("main", "tasks", *(["methods"] if shape.controls else []))
        for ending in ("csv", "md", "tex")
    }
    names |= {f"familiarity_{ending}": results / f"tables/familiarity.{ending}" for ending in ("md", "tex")}
    return {name: str(path) for name, path in names.items()}
