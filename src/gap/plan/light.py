"""The light outputs: small, at fixed paths, made anew whenever the plan's digest differs from their provenance record.

Heavy outputs carry their digest in the path.  Tables, figures and the report keep one name, because Git and DVC
compare them over time; so each light stage writes, last of all, a record with the digest of the plan it was made for.
``settle`` compares record and plan and sets the files' times so that Snakemake sees what is true: fresh files are newer
than their inputs whatever a clone, a pull or a checkout did to the times, and stale ones are older.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from gap.core.digest import digest
from gap.core.files import write_json
from gap.plan.build import Plan
from gap.plan.code import code_version
from gap.plan.features import features_path

FIGURES = (
    "figure1_dialogue",
    "figure1_classification",
    "score_by_step",
    "gain_by_corpus",
    "methods",
    "task_heatmap",
    "familiarity",
    "pretraining",
)
#: Tables, each as CSV, Markdown and LaTeX.
TABLES = ("main", "tasks", "methods")
#: File time of a stale output.  Not 0: Snakemake ignores a file time of 0.
STALE = 1


def figure_names(plan: Plan) -> list[str]:
    """The figures this study has: no dialogue figure without dialogue tasks, no loss curves without models
    trained here, no figure of methods where there is one only.
    """
    from gap.params.models import PretrainedHere
    from gap.tasks.registry import TASKS

    groups = {TASKS[task].group for task in plan.study.tasks}
    absent = {f"figure1_{group}" for group in ("dialogue", "classification") if group not in groups}
    if not any(isinstance(model, PretrainedHere) for model in plan.study.models.values()):
        absent.add("pretraining")
    if len(plan.study.methods) == 1:
        absent.add("methods")
    return [name for name in FIGURES if name not in absent]


def table_names(plan: Plan) -> list[str]:
    """The tables this study has: none of methods where there is one only."""
    return [name for name in TABLES if name != "methods" or len(plan.study.methods) > 1]


def light_paths(plan: Plan) -> dict[str, str]:
    """Every light output by the name that plan.json gives it."""
    observations, tables, plots = (plan.results / name for name in ("observations", "tables", "plots"))
    paths = {
        "texts": observations / "texts.parquet",
        "text_features": observations / "text_features.parquet",
        "trajectories": observations / "trajectories.parquet",
        "run_scores": observations / "run_scores.parquet",
        "selections": observations / "selections.parquet",
        "estimates": tables / "estimates.csv",
        "contrasts": tables / "contrasts.csv",
        "familiarity": tables / "familiarity.csv",
        "metrics": plan.results / "metrics.json",
        "plot_steps": plots / "score_by_step.csv",
        "plot_runs": plots / "gain_by_run.csv",
        "plot_pretraining": plots / "pretraining.csv",
        "figures": plan.figures,
        "captions": plan.figures / "captions.json",
        "report": plan.results / "report.html",
        "checkpoints": Path("checkpoints") / plan.study.name,
        "overlap": plan.results / "checks/overlap.json",
        "boundary": plan.results / "checks/boundary.json",
        "noise": plan.results / "checks/noise.json",
    }
    for table in table_names(plan):
        for ending in ("csv", "md", "tex"):
            paths[f"{table}_{ending}"] = tables / f"{table}.{ending}"
    for ending in ("md", "tex"):
        paths[f"familiarity_{ending}"] = tables / f"familiarity.{ending}"
    return {name: str(path) for name, path in paths.items()}


def light_stages(plan: Plan) -> dict[str, list[str]]:
    """Outputs of each light stage, in the order in which they are made."""
    paths = light_paths(plan)
    figures = [str(plan.figures / f"{name}.{ending}") for name in figure_names(plan) for ending in ("pdf", "png")]
    return {
        "plan": [str(plan.results / "plan.json")],
        "overlap": [paths["overlap"]],
        "boundary": [paths["boundary"]],
        "noise": [paths["noise"]],
        "aggregate": [
            paths[name]
            for name in (
                "texts",
                "text_features",
                "trajectories",
                "run_scores",
                "selections",
                "estimates",
                "contrasts",
                "familiarity",
                "metrics",
                "plot_steps",
                "plot_runs",
                "plot_pretraining",
            )
        ],
        "tables": [
            *(paths[f"{table}_{ending}"] for table in table_names(plan) for ending in ("csv", "md", "tex")),
            *(paths[f"familiarity_{ending}"] for ending in ("md", "tex")),
        ],
        **{
            f"export-{model}": [f"{paths['checkpoints']}/{model}/{name}" for name in ("model.safetensors", "gap_recipe.json")]
            for model in plan.subjects
        },
        "figures": [*figures, paths["captions"]],
        "report": [paths["report"]],
    }


def record_path(plan_results: Path, stage: str) -> Path:
    """Provenance record of a light stage."""
    return Path(plan_results) / "provenance" / f"{stage}.json"


def timing_path(results: Path, stage: str) -> Path:
    """The stage's benchmark file, whose time Snakemake compares with the inputs' as if it were an output."""
    kind, _, model = stage.partition("-")
    return results / "timing" / (f"checkpoints/{model}.tsv" if kind == "export" else f"{stage}.tsv")


def plan_document(plan: Plan) -> dict[str, Any]:
    """What plan.json holds: the resolved study, every path, and the digest of all of it."""
    study = plan.study
    document: dict[str, Any] = {
        "study": study.model_dump(mode="json"),
        "models": {
            name: {
                "role": model.role,
                "label": model.label or name,
                "folder": str(plan.model_path(name).parent),
                "key": plan.model_key(name),
            }
            for name, model in study.models.items()
        },
        # a list: the first is the study's own, and plan.json sorts the keys of mappings
        "methods": [
            {"name": name, "label": method.label or name, "texts": method.gap.texts, "updates": method.gap.updates}
            for name, method in study.methods.items()
        ],
        "corpora": [
            {
                "name": corpus,
                "label": study.corpora[corpus].label or corpus,
                "tokenizer": tokenizer,
                "path": str(plan.corpus_path(corpus, tokenizer)),
                "models": [name for name in plan.subjects if study.models[name].tokenizer == tokenizer],
            }
            for corpus, tokenizer in plan.corpus_tokenizers
        ],
        "items": {
            task: {split: str(plan.items_path(task, split)) for one, split in plan.task_splits if one == task} for task in study.tasks
        },
        "runs": [
            {"model": shard.model, "method": shard.method, **run.model_dump(mode="json")}
            for shard in plan.shards
            for run in plan.runs(shard)
        ],
        "features": [str(features_path(plan, model)) for model in plan.subjects],
        "trajectories": [str(plan.trajectories_path(shard)) for shard in plan.shards],
        "scores": [{"model": model, "task": task, "split": split, "path": str(path)} for model, task, split, path in score_files(plan)],
        "light": light_paths(plan),
        "figure_names": figure_names(plan),
        "table_names": table_names(plan),
        "code": {stage: code_version(stage) for stage in ("aggregate", "checkpoints", "figures", "report")},
    }
    return document | {"digest": digest(document)}


def score_files(plan: Plan) -> list[tuple[str, str, str, Path]]:
    """Every file of item scores: (model, task, split, path).  A subject's first shard holds its unmodified model too."""
    references = [name for name in plan.study.models if name not in plan.subjects]
    base = [(model, task, split, plan.base_scores_path(model, task, split)) for task, split in plan.task_splits for model in references]
    runs = [(shard.model, task, split, plan.scores_path(shard, task, split)) for task, split in plan.task_splits for shard in plan.shards]
    return base + runs


def write_record(document: dict[str, Any], stage: str) -> None:
    """Say that ``stage`` has been made for this plan; the last thing a light stage does."""
    results = Path("results") / document["study"]["name"]
    write_json(record_path(results, stage), {"stage": stage, "digest": document["digest"]})


def fresh(record: Path, outputs: list[str], wanted: str) -> bool:
    """Whether all outputs exist and their record names the wanted digest."""
    try:
        found = json.loads(record.read_text(encoding="utf-8")).get("digest")
    except (OSError, json.JSONDecodeError, AttributeError):
        return False
    return found == wanted and all(os.path.exists(path) for path in outputs)


def settle(stages: dict[str, list[str]], results: Path, wanted: str) -> list[str]:
    """Set the times of all outputs of the light ``stages`` by whether their records in ``results`` name the digest ``wanted``; returns the stale stages."""
    stale: list[str] = []
    now = time.time()
    for level, (stage, outputs) in enumerate(stages.items()):
        record = Path(outputs[0]) if stage == "plan" else record_path(results, stage)
        is_fresh = fresh(record, outputs, wanted)
        if not is_fresh:
            stale.append(stage)
        when = now + level * 0.001 if is_fresh else STALE
        for path in [*outputs, str(timing_path(results, stage))]:
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, (when, when))
    return stale
