"""All activities of a study, by its plan.json: sources, inputs, models, runs, scores, and what the light stages made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gap.core.checksums import SUMS, read_sums
from gap.core.files import read_object
from gap.plan.light import activity_path, records_of
from gap.provenance.activity import Activity, folder_activity, read_record, table_activity

#: Kinds of heavy files, as ``LightStage.reads`` names them.
Kinds = dict[str, list[Activity]]


def activities_of(plan: dict[str, Any]) -> dict[str, Activity]:
    """Every activity of the study by its name, each behind those that it reads.

    Raises
    ------
    BadInput: a provenance record is damaged.
    """
    kinds = _published(plan) if "files" in plan else _heavy(plan)
    results = Path("results") / plan["study"]["name"]
    activities = [activity for group in kinds.values() for activity in group]
    made: dict[str, Activity] = {}
    for stage, entry in plan["stages"].items():
        heavy = [activity.name for kind in entry["reads"] for activity in kinds[kind] if _reads(stage, kind, activity)]
        needs = [plan["stages"][name]["outputs"][0] for name in entry["needs"]]
        made[stage] = _light(results, stage, entry["outputs"], (*needs, *heavy))
    return {activity.name: activity for activity in (*activities, *made.values())}


def _reads(stage: str, kind: str, activity: Activity) -> bool:
    """Whether a stage reads an activity of a kind: the export of one model reads no other model."""
    return kind != "models" or not stage.startswith("export-") or _model_of(activity.name) == stage.removeprefix("export-")


def _light(results: Path, stage: str, outputs: list[str], inputs: tuple[str, ...]) -> Activity:
    """A light stage with its record; an exported checkpoint's folder has SHA256SUMS of all that it holds."""
    records = records_of(results, stage)
    made = [path for path in map(activity_path, records) if path.exists()] or records
    facts = read_record(made[-1]) if made else {}
    files = {path: facts.get("outputs", {}).get(path, "") for path in outputs}
    folder = Path(outputs[0]).parent
    if (folder / SUMS).exists():
        files |= {str(folder / name): digest for name, digest in read_sums(folder).items()}
    return Activity(stage, files, inputs, str(made[-1]) if made else "", facts)


def _published(plan: dict[str, Any]) -> Kinds:
    folder, commit = plan["light"]["upstream"], plan["commit"]
    source = {"repository": "kaistAI/GAP", "commit": commit}
    return {"upstream": [Activity("fetch-upstream", {f"{folder}/{name}": digest}, facts={"settings": source}) for name, digest in plan["files"].items()]}  # fmt: skip


def _heavy(plan: dict[str, Any]) -> Kinds:
    study = plan["study"]
    digests = _input_digests(study["name"])
    sources = {name: _source(name, settings, digests) for name, settings in study["sources"].items()}
    tokenizers = {name: _tokenizer(name, path, study, sources) for name, path in plan["tokenizers"].items()}
    items = {
        (task, split): table_activity("fetch-items", path, ()) for task, splits in plan["items"].items() for split, path in splits.items()
    }
    models = {name: _model(name, entry, study, [sources, tokenizers]) for name, entry in plan["models"].items()}
    corpora = {(entry["name"], entry["tokenizer"]): _corpus(entry, study, [sources, tokenizers, items]) for entry in plan["corpora"]}
    texts = {
        name: [activity.name for entry, activity in zip(plan["corpora"], corpora.values(), strict=True) if name in entry["models"]]
        for name in models
    }
    runs = [_run(path, models, texts) for path in plan["trajectories"]]
    gradients = [activity.name for activity in items.values()] if study["describe"]["gradient_items"] else []
    features = [
        table_activity("describe", path, [models[name].name, *texts[name], *gradients])
        for path in plan["features"]
        for name in [_model_of(path)]
    ]
    return {
        "sources": list(sources.values()),
        "tokenizers": list(tokenizers.values()),
        "items": list(items.values()),
        "models": list(models.values()),
        "corpora": list(corpora.values()),
        "features": features,
        "runs": runs,
        "scores": [_scores(entry, models, items, runs) for entry in plan["scores"]],
    }


def _input_digests(study: str) -> dict[str, str]:
    path = Path("results") / study / "inputs.json"
    return read_object(path) if path.exists() else {}


def _source(name: str, settings: dict[str, Any], digests: dict[str, str]) -> Activity:
    """A source, with the digests of the files that it names."""
    named = [settings.get("path"), *settings.get("paths", []), *(["Python"] if settings["kind"] == "stdlib" else [])]
    inputs = {path: digests[path] for path in named if path in digests}
    return Activity(f"source {name}", {}, facts={"settings": settings, **({"inputs": inputs} if inputs else {})})


def _mixture(settings: dict[str, Any], sources: dict[str, Activity]) -> list[str]:
    return [sources[name].name for name in settings.get("mixture", {})]


def _tokenizer(name: str, path: str, study: dict[str, Any], sources: dict[str, Activity]) -> Activity:
    settings = study["tokenizers"].get(name, {})
    activity = folder_activity("tokenizer", Path(path).parent, _mixture(settings, sources), Path(path).name)
    return activity if activity.facts else Activity(activity.stage, activity.files, activity.inputs, facts={"settings": settings})


def _model(name: str, entry: dict[str, Any], study: dict[str, Any], activities: list[dict[str, Activity]]) -> Activity:
    sources, tokenizers = activities
    settings = study["models"][name]
    inputs = [*_mixture(settings, sources), *([tokenizers[settings["tokenizer"]].name] if settings["tokenizer"] in tokenizers else [])]
    return folder_activity("models", Path(entry["folder"]), inputs, "model.safetensors")


def _corpus(entry: dict[str, Any], study: dict[str, Any], activities: list[Any]) -> Activity:
    sources, tokenizers, items = activities
    settings = study["corpora"][entry["name"]]
    held_against = [activity.name for activity in items.values()] if settings.get("overlap") == "remove" else []
    return table_activity("corpora", entry["path"], [sources[settings["source"]].name, tokenizers[entry["tokenizer"]].name, *held_against])


def _model_of(path: str) -> str:
    """The model in the folder's name, NAME-KEY."""
    return Path(path).parent.name.rpartition("-")[0]


def _shard_of(path: str) -> str:
    """Method and texts in a file's name, METHOD-texts-FIRST-LAST-HASH."""
    return Path(path).stem.rpartition("-")[0]


def _run(path: str, models: dict[str, Activity], texts: dict[str, list[str]]) -> Activity:
    name = _model_of(path)
    return table_activity("posttrain", path, [models[name].name, *texts[name]])


def _scores(
    entry: dict[str, Any], models: dict[str, Activity], items: dict[tuple[str, str], Activity], runs: Iterable[Activity]
) -> Activity:
    """A table of item scores: the model, the items, and of a shard its trajectories and texts."""
    name, path = entry["model"], entry["path"]
    inputs = [models[name].name, items[entry["task"], entry["split"]].name]
    for activity in runs:
        if _model_of(activity.name) == name and _shard_of(activity.name) == _shard_of(path):
            inputs += [activity.name, *(read for read in activity.inputs if read != models[name].name)]
    return table_activity("evaluate", path, inputs)


def behind(activities: dict[str, Activity], name: str) -> Iterator[Activity]:
    """The activity ``name`` and all that it reaches, each once, itself first."""
    waiting, seen = [name], set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield activities[name]
            waiting += activities[name].inputs
