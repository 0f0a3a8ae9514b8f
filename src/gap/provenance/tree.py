"""A chain as a tree of lines: one branch per stage, its activities taken together."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gap.provenance.activity import Activity
from gap.provenance.chain import Chain, code_of

MISSING = "not recorded"
#: Values of one field, and files, that are shown; --json has all.
SHOWN = 3
#: Columns of a fact's text.
WIDTH = 110
#: Packages that are named first.
FIRST = ("python", "torch", "transformers", "snakemake")


def tree_lines(chain: Chain) -> list[str]:
    """The file, then each stage behind it, told where it is first met."""
    head = f"{chain.file}  (study {chain.plan['study']['name']}, plan {chain.plan['digest']})"
    return [head, *_branch(chain, [chain.activity], set())]


def _branch(chain: Chain, group: list[Activity], told: set[str]) -> Iterator[str]:
    """A stage's activities, and below them the stages that they read."""
    told.add(group[0].stage)
    stages: dict[str, list[Activity]] = {}
    for name in dict.fromkeys(name for activity in group for name in activity.inputs):
        stages.setdefault(chain.activities[name].stage, []).append(chain.activities[name])
    for label, text in _facts(chain, group):
        lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
        yield from (f"{'│' if stages else ' '} {label if not place else '':<13}{line}" for place, line in enumerate(lines))
    for place, (stage, activities) in enumerate(stages.items(), 1):
        last = place == len(stages)
        above = "  (above)" if stage in told else ""
        yield f"{'└' if last else '├'}─ {_title(stage, activities)}{above}"
        if not above:
            whole = [activity for activity in chain.activities.values() if activity.stage == stage]
            yield from (f"{' ' if last else '│'}  {line}" for line in _branch(chain, whole, told))


def _title(stage: str, activities: list[Activity]) -> str:
    """What the branch is: a source by its name, a stage with the number of its files."""
    count = sum(len(activity.files) for activity in activities)
    return f"{stage}, {count} file{'s' if count > 1 else ''}" if count else stage


def _facts(chain: Chain, group: list[Activity]) -> Iterator[tuple[str, str]]:
    """What is on record of the activities: label and text."""
    files = {path: digest for activity in group for path, digest in activity.files.items()}
    if files:
        here = {path for path in files if Path(path).exists()}
        held = sum(bool(digest) and path in here for path, digest in files.items())
        yield "files", _several(files)
        yield "digests", f"{held} as on record, {len(here) - held} {MISSING}, {len(files) - len(here)} not here"
        yield "record", _several(activity.record for activity in group if activity.record) or "none is written for these files"
    records = [activity.facts for activity in group]
    for label in ("settings", "inputs"):
        if said := _fields(record.get(label, {}) for record in records):
            yield {"settings": "parameters"}.get(label, label), said
    if code := _several((f"{unit} {version}" for activity in group for unit, version in code_of(activity, chain.plan).items()), 8):
        yield "code", code
    if any(activity.record for activity in group):
        yield from _made(records)


def _made(records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """How, when and where, of the stage's records; what none of them says is named at the end."""
    ends = sorted(record["finished"] for record in records if "finished" in record)
    jobs: dict[str, float] = {}
    for place, record in enumerate(records):  # a job writes a record per table, each with the seconds since the job began
        job = " ".join(record.get("command") or [str(place)])
        jobs[job] = max(record.get("seconds", 0.0), jobs.get(job, 0.0))
    said = {
        "command": _several((" ".join(record["command"]) for record in records if record.get("command")), 1),
        "finished": f"{' to '.join(dict.fromkeys((ends[0], ends[-1])))}, {sum(jobs.values()):.0f} s in all" if ends else "",
        "commit": _several(_commit(record["git"]) for record in records if record.get("git")),
        "machine": _several(_machine(record["machine"]) for record in records if "machine" in record),
        "software": _several((_software(record["versions"]) for record in records if "versions" in record), 1),
    }
    yield from ((label, text) for label, text in said.items() if text)
    if missing := [label for label, text in said.items() if not text]:
        yield MISSING, ", ".join(missing)


def _commit(git: dict[str, Any]) -> str:
    return f"{git['commit']}{', with changed files' if git.get('dirty') else ''}"


def _machine(machine: dict[str, Any]) -> str:
    cpu = machine.get("cpu") or f"CPU model {MISSING}"
    gpu = f"GPU {machine['gpu']}" if machine.get("gpu") else "no GPU"
    return f"{cpu}, {machine.get('cores')} cores, {machine.get('system')} {machine.get('machine')}, {gpu}"


def _software(versions: dict[str, str]) -> str:
    names = [*(name for name in FIRST if name in versions), *(name for name in versions if name not in FIRST)]
    return ", ".join(f"{name} {versions[name]}" for name in names)


def _fields(settings: Iterable[dict[str, Any]]) -> str:
    """Settings as ``a.b=value``, with all values that a field has in the records."""
    values: dict[str, list[str]] = {}
    for entry in settings:
        for name, value in _flat(entry):
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return "; ".join(f"{name}={'|'.join(found) if len(found) <= SHOWN else f'({len(found)} values)'}" for name, found in values.items())


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of settings; code has a line of its own, and runs are many."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ("code", "runs"):
                yield from _flat(part, f"{name}.{key}" if name else key)
    elif value not in (None, [], ""):
        yield name, str(value)


def _several(values: Iterable[str], shown: int = SHOWN) -> str:
    """Different values once each, the first few of them."""
    distinct = list(dict.fromkeys(values))
    more = f" and {len(distinct) - shown} more" if len(distinct) > shown else ""
    return "; ".join(distinct[:shown]) + more
