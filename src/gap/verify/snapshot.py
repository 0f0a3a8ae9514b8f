"""A study's scores in short: per checkpoint and task a sum of scores and one of log-probabilities, and what they were made with."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from gap.aggregate.scores import planned_rows
from gap.aggregate.selections import last_scored
from gap.aggregate.study_index import BASE, StudyIndex, study_index
from gap.core.checksums import record_of
from gap.core.errors import BadInput
from gap.core.files import read_object, write_text
from gap.core.tables import TABLES, read_table

if TYPE_CHECKING:
    import pandas as pd

#: Settings of a study that no score depends on; and the seed, which draws other texts, as another input does.
NO_SETTINGS = ("name", "title", "jobs", "seed", "describe")
#: Packages whose versions can move a score.
PACKAGES = ("torch", "transformers", "tokenizers", "numpy")
SETTING = ["method", "corpus", "text"]
DECIMALS = 6
CURE = "Restore it from Git, or remove it and record it anew: gap verify STUDY --record."
#: Name of a checkpoint.
NAME = re.compile(r"([^/]+)/(base|[^/]+/[^/]*/\d+/\d+)")
#: Sum of scores, and of log-probabilities.
Sums = Annotated[list[float], Field(min_length=2, max_length=2)]


class RecordedTask(BaseModel):
    """Group and number of items of a task on one split."""

    group: str
    items: PositiveInt


class RecordedRepeat(BaseModel):
    """What ``gap.verify.compare.repeat`` returns: ``rms`` by quantity and group."""

    label: str
    kind: Literal["text", "machine"]
    content: str
    rms: dict[Literal["score", "log_probability", "gain"], dict[str, float]] = Field(min_length=3)


class Expectations(BaseModel):
    """The form of a file of expectations, which ``read`` holds it to; ``snapshot`` says what the parts mean."""

    model_config = ConfigDict(strict=True)

    study: str
    settings: dict[str, Any]
    seed: int
    inputs: dict[str, Any]
    made: dict[str, Any]
    tasks: dict[str, RecordedTask]
    tables: dict[str, str]
    floor: dict[str, dict[Literal["score", "log_probability"], float]]
    repeats: list[RecordedRepeat]
    checkpoints: dict[str, list[Sums]]


def snapshot(plan: dict[str, Any]) -> dict[str, Any]:
    """What is expected of, or found in, the results behind a plan.json::

        {"study", "settings", "seed", "inputs": as in inputs.json, "made": arithmetic, device, threads, machine and versions,
         "tasks": {"piqa/validation": {"group", "items"}, ...}, "tables": {"MODEL/piqa/validation": digest of all rows},
         "floor": {group: {"score", "log_probability"}}, "repeats": [],
         "checkpoints": {"MODEL/METHOD/CORPUS/TEXT/STEP" or "MODEL/base": [[score, log-probability] of each task]}}

    ``score`` is the number of right answers or the sum of F1; ``log-probability`` the sum over items and continuations, in dialogue over
    reference answers (nats).  Runs bear no digest here, because that changes with the code.

    Raises
    ------
    BadInput: files of scores or table ``selections`` are missing, or hold no planned rows; the plan is that of no study with models.
    """
    study, results = study_index(plan), Path(plan["light"]["metrics"]).parent
    tasks: dict[str, dict[str, Any]] = {
        f"{task}/{split}": {"group": study.task_entries[task].group, "items": 0} for task in study.splits for split in study.splits[task]
    }
    checkpoints: dict[str, list[list[float]]] = {}
    digests: dict[str, Any] = {}
    selections = read_table(study.path("selections"), "selections", ["model", "run", "group", "policy", "step"])
    last = {model: last_scored(selections, study, model) for model in study.models}
    for entry in plan["scores"]:
        name = f"{entry['task']}/{entry['split']}"
        rows = _read(study, entry, last[entry["model"]])
        digests.setdefault(f"{entry['model']}/{name}", hashlib.sha256()).update(_content(rows))
        tasks[name]["items"] = max(tasks[name]["items"], int(rows["item"].nunique()))
        for key, (score, log_probability) in _sums(entry["model"], rows).items():
            sums = checkpoints.setdefault(key, [[] for _ in tasks])
            sums[list(tasks).index(name)] = [round(score, DECIMALS), round(log_probability, DECIMALS)]
    incomplete = next((key for key, sums in checkpoints.items() if not all(sums)), None)
    if incomplete or not checkpoints:
        where = f"scores of {incomplete or study.name}"
        raise BadInput(where, "some tasks are not scored", f"all of {list(tasks)}", "Run the study again: make STUDY=NAME.")
    record = record_of(Path(plan["scores"][-1]["path"]))
    return {
        "study": study.name,
        "settings": {name: value for name, value in plan["study"].items() if name not in NO_SETTINGS},
        "seed": study.seed,
        "inputs": read_object(results / "inputs.json") if (results / "inputs.json").exists() else {},
        "made": _made(read_object(record) if record.exists() else {}),
        "tasks": tasks,
        "tables": {name: digest.hexdigest()[:16] for name, digest in digests.items()},
        "floor": _floor(read_object(study.path("noise"))),
        "repeats": [],
        "checkpoints": checkpoints,
    }


def _read(study: StudyIndex, entry: dict[str, Any], last: dict[str, int]) -> pd.DataFrame:
    """The planned rows of a file of scores, runs, steps and items in order."""
    rows = read_table(Path(entry["path"]), "item_scores", [name for name in TABLES["item_scores"] if name not in ("model", "task")])
    rows = planned_rows(study, rows, entry["split"], last)
    return rows.sort_values([*SETTING, "step", "item"], kind="stable")


def _content(rows: pd.DataFrame) -> bytes:
    """All that the rows say, but the digest of the run: the same bytes for the same bits."""
    parts = [str(rows[name].tolist()).encode() for name in (*SETTING, "step", "item", "item_hash", "prediction", "response", "tokens")]
    sums = [np.asarray(values, dtype="<f8") for values in rows["log_probabilities"]]
    return b"\n".join(
        [*parts, *(rows[name].to_numpy(dtype="<f8").tobytes() for name in ("f1", "nll")), np.concatenate([*sums, []]).tobytes()]
    )


def _sums(model: str, rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Checkpoint -> sum of scores and of log-probabilities."""
    choices = (rows["gold"] >= 0).to_numpy()
    score = np.where(choices, rows["correct"].to_numpy(dtype=float), rows["f1"].to_numpy(dtype=float))
    total = np.array([float(np.sum(values)) for values in rows["log_probabilities"]])
    total = np.where(choices, total, -rows["nll"].to_numpy(dtype=float))
    names = list(zip(*(rows[name].tolist() for name in (*SETTING, "step")), strict=True))
    starts = [place for place, name in enumerate(names) if not place or name != names[place - 1]]
    keys = [f"{model}/{'/'.join(map(str, names[place]))}" if names[place][0] else f"{model}/{BASE}" for place in starts]
    sums = zip(np.add.reduceat(score, starts).tolist(), np.add.reduceat(total, starts).tolist(), strict=True)
    return dict(zip(keys, sums, strict=True)) if keys else {}


def _made(record: dict[str, Any]) -> dict[str, Any]:
    """What the last bits may depend on, by the provenance record of a table of scores."""
    machine, versions = record.get("machine", {}), record.get("versions", {})
    facts = {name: machine[name] for name in ("arithmetic", "system", "machine", "threads", "gpu") if name in machine}
    device = {"device": record["inputs"]["device"]} if "device" in record.get("inputs", {}) else {}
    return facts | device | {name: versions[name] for name in PACKAGES if name in versions}


def _floor(noise: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Per group what scoring the same weights in another batch or by another kernel moves: the average (fraction), a log-probability (nats).

    The largest over models and splits of checks/noise.json; changes of precision are left out, because precision is a setting.
    """
    floor: dict[str, dict[str, float]] = {}
    for report in noise["models"].values():
        for groups in report["floor"].values():
            for group, kinds in groups.items():
                most = max(kinds[kind]["most"] for kind in ("shape", "kernel")) / 100
                kept = floor.setdefault(group, {"score": 0.0, "log_probability": 0.0})
                kept["score"] = max(kept["score"], most)
        for splits in report["tasks"].values():
            for entry in splits.values():
                kept = floor.setdefault(entry["group"], {"score": 0.0, "log_probability": 0.0})
                kept["log_probability"] = max(kept["log_probability"], entry["largest"])
    return floor


def save(path: Path, expected: dict[str, Any]) -> None:
    """Write a file of expectations: one line per checkpoint, table and repeat, so that Git shows what changed."""
    lines = []
    for name, value in expected.items():
        if isinstance(value, dict | list) and value:
            pairs = value.items() if isinstance(value, dict) else ((None, each) for each in value)
            inner = ",\n".join(f"  {_json(key) + ': ' if key is not None else ''}{_json(each)}" for key, each in pairs)
            opening, closing = "{}" if isinstance(value, dict) else "[]"
            lines.append(f" {_json(name)}: {opening}\n{inner}\n {closing}")
        else:
            lines.append(f" {_json(name)}: {_json(value)}")
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read(path: Path) -> dict[str, Any]:
    """Read a file of expectations.

    Raises
    ------
    BadInput: it is missing, not JSON, lacks a part, or holds something else there; the first such key is named.
    """
    if not path.exists():
        cure = "Record one from results that you trust: gap verify STUDY --record."
        raise BadInput(str(path), "no such file", "a file of expectations", cure)
    expected = read_object(path, CURE)
    try:
        Expectations.model_validate(expected)
    except ValidationError as error:
        first = error.errors()[0]
        found = "nothing" if first["type"] == "missing" else f"{first['input']!r:.60}"
        raise BadInput(f"{path}, {'.'.join(map(str, first['loc']))}", found, first["msg"], CURE) from error
    checkpoints, tasks = expected["checkpoints"], expected["tasks"]
    for name, sums in checkpoints.items():
        parts = NAME.fullmatch(name)
        if not parts or f"{parts[1]}/{BASE}" not in checkpoints:
            raise BadInput(f"{path}, checkpoints", name, f"MODEL/{BASE}, and MODEL/METHOD/CORPUS/TEXT/STEP beside one", CURE)
        if len(sums) != len(tasks):
            raise BadInput(f"{path}, checkpoints.{name}", f"{len(sums)} tasks", f"{len(tasks)}", CURE)
    return expected
