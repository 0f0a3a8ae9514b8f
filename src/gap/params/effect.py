"""Changed values that change nothing: a study lays its own entries over the shared ones, so a shared value may reach no run."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.params.load import parse_params, resolve
from gap.params.study import Study

#: What DVC tells the commands of an experiment: the commit that it starts from.
BASELINE = "DVC_EXP_BASELINE_REV"
#: Keys from the top of params.yaml down to a value.
Place = tuple[str, ...]
ABSENT = object()


def check_given(raw: dict[str, Any], file: dict[str, Any], given: dict[str, Any]) -> None:
    """Refuse a value given on the command line (``--config``) that changes nothing of the selected study.

    ``raw``: the parameters with what was ``given`` laid over ``file``, the content of params.yaml.

    Raises
    ------
    BadInput: naming the key, and the one of the study to set instead.
    """
    told = list(_places(given))
    changed = [place for place in differences(raw, file) if any(place[: len(named)] == named for named in told)]
    for place in without_effect(raw, file, changed):
        raise BadInput(f"--config, key '{'.'.join(place)}'", *_explained(raw, place))


def check_committed(raw: dict[str, Any], path: Path) -> list[str]:
    """What differs between ``raw`` and the committed ``path`` among the shared values, and changes nothing of the selected study.

    In an experiment of DVC's it is refused; otherwise a sentence for each is returned.  Nothing without Git.

    Raises
    ------
    BadInput: naming the key, and the one of the study to set instead.
    """
    baseline = os.environ.get(BASELINE)
    committed = _committed(path, baseline or "HEAD")
    if committed is None:
        return []
    changed = [place for place in differences(raw, committed) if place[0] not in ("study", "studies")]
    problems = [BadInput(f"{path}, key '{'.'.join(place)}'", *_explained(raw, place)) for place in without_effect(raw, committed, changed)]
    if baseline and problems:
        raise problems[0]
    return [f"{problem.where}: {problem.found}. {problem.cure}" for problem in problems]


def without_effect(now: dict[str, Any], before: dict[str, Any], changed: Iterable[Place]) -> list[Place]:
    """The places among ``changed`` whose value of ``before`` would give the same study; none where ``now`` alone describes no study."""
    try:
        study = _read(now)
    except BadInput:
        return []  # other files (``--configfile``) complete it

    def same(place: Place) -> bool:
        try:
            return _read(_with(now, place, _at(before, place))) == study
        except BadInput:
            return False

    return [place for place in changed if place != ("study",) and same(place)]


def _read(raw: dict[str, Any]) -> dict[str, Any]:
    """What the plan reads of the selected study: of the shared `gap` what its methods take, and where its texts are cut to be described."""
    study = resolve(raw)
    return study.model_dump(exclude={"gap"}) | ({"max_tokens": study.gap.max_tokens} if isinstance(study, Study) else {})


def differences(now: Any, before: Any, place: Place = ()) -> Iterator[Place]:
    """Places at which two mappings differ, as deep as both are mappings."""
    if isinstance(now, dict) and isinstance(before, dict):
        for key in dict.fromkeys([*now, *before]):
            yield from differences(now.get(key, ABSENT), before.get(key, ABSENT), (*place, str(key)))
    elif now != before or type(now) is not type(before):
        yield place


def _places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all values of a mapping."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _places(value, (*place, str(key)))
    else:
        yield place


def _at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree.get(key, ABSENT) if isinstance(tree, dict) else ABSENT
    return tree


def _with(tree: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """The mapping with another value at ``place``, or without that key."""
    tree = copy.deepcopy(tree)
    *outer, last = place
    inner = tree
    for key in outer:
        inner = inner[key]
    if value is ABSENT:
        inner.pop(last, None)
    else:
        inner[last] = value
    return tree


def _explained(raw: dict[str, Any], place: Place) -> tuple[str, str, str]:
    """What was found, what is allowed and the cure, for a value that changes nothing."""
    name, value = raw["study"], _at(raw, place)
    what = "a missing value that" if value is ABSENT else f"{value!r}, which"
    found = f"{what} changes nothing of study {name}"
    own = _own(raw["studies"][name] or {}, place)
    if place[0] == "studies":
        return found, f"keys of `studies.{name}`, or shared ones", f"Select that study (`study`), or set the key of `studies.{name}`."
    if not own:
        return found, "keys that this study reads", "Take the change back, or select another study."
    return (
        f"{found}: `studies.{name}.{own}` stands over it",
        "keys that this study takes from the shared entries",
        f"Set `studies.{name}.{own}` instead.",
    )


def _own(entries: dict[str, Any], place: Place) -> str:
    """The key of the study that stands over a shared one; the methods' where each has its own; empty where the study reads neither."""
    if "published" in entries:
        return ""
    if (
        place[0] == "gap"
        and _at(entries, place) is ABSENT
        and any(_at(method or {}, place) is not ABSENT for method in (entries.get("methods") or {}).values())
    ):
        return f"methods.NAME.{'.'.join(place)}"
    own = place
    while own and _at(entries, own) is ABSENT:
        own = own[:-1]
    return ".".join(own)


def _committed(path: Path, revision: str) -> dict[str, Any] | None:
    """The content of ``path`` at a commit; None without Git, or where that holds no such mapping."""
    try:
        shown = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True, check=True)
        return parse_params(shown.stdout.decode("utf-8"), str(path))
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError, BadInput):
        return None
