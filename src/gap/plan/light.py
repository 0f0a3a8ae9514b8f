"""Light outputs: small, at fixed paths, made anew whenever what determines them has changed.

Heavy outputs carry their key in the path.  Tables, figures and the report keep one name, because Git and DVC compare them over
time.  So the last thing that a light stage writes is a *record* whose name carries the stage's key.  Where the record of the present
key exists, the stage's outputs are up to date, whatever a clone, a pull or a checkout did to file times; where it does not, the
record is missing, and Snakemake runs the stage.  Every input of a light rule is ``ancient()``: times never decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gap.core.digest import digest, file_digest
from gap.core.errors import BadInput
from gap.core.files import read_object, write_json
from gap.plan.code import code_version
from gap.runtime.provenance import circumstances

#: Folder of the records, in a study's results.
RECORDS = "provenance"
ACTIVITIES = "activities"


@dataclass(frozen=True)
class LightStage:
    """A light stage of a study.

    outputs: name in plan.json -> path; code: modules whose code makes them; needs: the light stages whose outputs it reads;
    settings: what it is told beside the study, under ``settings`` in plan.json, part of its own key alone; tables: outputs of
    others by name, whose stages it needs too; reads: the kinds of heavy files that it reads, for ``gap provenance``.
    """

    name: str
    outputs: dict[str, Path]
    code: tuple[str, ...]
    needs: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def entry(self) -> dict[str, list[str]]:
        """What plan.json says of it under ``stages``: its outputs, its code, and what it reads."""
        return {"outputs": self.paths, "code": list(self.code), "needs": list(self.needs), "reads": list(self.reads)}

    @property
    def paths(self) -> list[str]:
        """The outputs' paths, in order."""
        return list(map(str, self.outputs.values()))


def light_keys(stages: Iterable[LightStage], plan_digest: str) -> dict[str, str]:
    """Key of each stage: its outputs, settings and code, the plan's digest, and the keys of the stages that it needs, which come before it."""
    keys: dict[str, str] = {}
    for stage in in_order(stages):
        needs = {name: keys[name] for name in stage.needs}
        outputs = {name: str(path) for name, path in stage.outputs.items()}
        code = [code_version(unit) for unit in stage.code]
        own = {"settings": stage.settings} if stage.settings else {}
        keys[stage.name] = digest({"stage": stage.name, "outputs": outputs, "plan": plan_digest, "code": code, "needs": needs} | own)
    return keys


def in_order(stages: Iterable[LightStage]) -> list[LightStage]:
    """The stages with those that each needs in front of it.

    Raises
    ------
    BadInput: one needs what is no light stage, or some need each other.
    """
    left = {stage.name: stage for stage in stages}
    for stage in left.values():
        for name in set(stage.needs) - left.keys():
            cure = "Correct it in the stage's module of gap.plan.stages; outputs of heavy stages need no mention."
            raise BadInput(f"light stage {stage.name}, `needs`", repr(name), f"light stages: {sorted(left)}", cure)
    ordered: list[LightStage] = []
    while left:
        ready = [stage for stage in left.values() if not set(stage.needs) & left.keys()]
        if not ready:
            raise BadInput(f"light stages {sorted(left)}", "`needs` that lead in a circle", "an order", "Drop one of them.")
        ordered += ready
        left = {name: stage for name, stage in left.items() if stage not in ready}
    return ordered


def record_path(results: Path, stage: str, key: str) -> Path:
    """The record of a light stage."""
    return results / RECORDS / f"{stage}-{key}.json"


def activity_path(record: Path) -> Path:
    """What a light stage made, and how, by its record."""
    return record.parents[1] / ACTIVITIES / record.name


def records_of(results: Path, stage: str) -> list[Path]:
    """All records of a stage, of whatever key."""
    pattern = re.compile(re.escape(stage) + r"-[0-9a-f]{12}\.json")
    return sorted(path for path in (results / RECORDS).glob(f"{stage}-*.json") if pattern.fullmatch(path.name))


def check_records(results: Path, stages: Iterable[str]) -> None:
    """Refuse two records of one stage, as a merge of two branches leaves them: nobody knows which one the outputs belong to.

    Raises
    ------
    BadInput: a stage has more than one.
    """
    for stage in stages:
        records = records_of(results, stage)
        if len(records) > 1:
            names = " and ".join(path.name for path in records)
            raise BadInput(str(results / RECORDS), f"{names}, two records of {stage}", "one", "Remove both: the stage is then made anew.")


def check_record_path(record: Path) -> None:
    """Make sure that a path may be one of ``record_path``: NAME-KEY.json in a folder of its own.

    Raises
    ------
    BadInput: it is not.
    """
    if len(record.parts) < 2 or not re.fullmatch(r".+-[0-9a-f]{12}\.json", record.name):
        raise BadInput(f"--record {str(record)!r}", "not the path of a record", f"results/STUDY/{RECORDS}/STAGE-KEY.json", "Leave it out.")


def write_record(record: Path) -> None:
    """Say that a light stage was made for the key in the record's name; records of other keys go.

    What it made, and how, stands in a file of its own, outside Git: times and machines differ from run to run.
    """
    stage, _, key = record.stem.rpartition("-")
    results = record.parents[1]
    made = {path: file_digest(Path(path)) for path in _outputs(results, stage) if Path(path).exists()}
    for path in records_of(results, stage):
        path.unlink()
        activity_path(path).unlink(missing_ok=True)
    write_json(activity_path(record), {"stage": stage, "key": key, "outputs": made, **circumstances()})
    write_json(record, {"stage": stage, "key": key})


def _outputs(results: Path, stage: str) -> list[str]:
    """Paths of a stage's outputs, by the plan.json of the study; none where a command is called by hand, without one."""
    plan = results / "plan.json"
    document = read_object(plan) if plan.exists() else {}
    outputs: list[str] = document.get("stages", {}).get(stage, {}).get("outputs", [])
    return outputs
