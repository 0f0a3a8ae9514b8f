"""From params.yaml to a checked study."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gap.core.errors import BadInput, GapError
from gap.params.names import PATTERN, RULE, suggestion
from gap.params.published import PublishedStudy
from gap.params.study import Study

#: Entries of a study that replace the shared one as a whole instead of being laid over it key by key.
REPLACED = {"items", "tasks", "methods"}


def load_study(path: Path, overrides: dict[str, Any] | None = None) -> Study | PublishedStudy:
    """Read ``path`` and return the selected study; ``overrides`` (Snakemake's ``--config``) replace top-level entries."""
    return resolve({**read_params(path), **(overrides or {})}, str(path))


def read_params(path: Path) -> dict[str, Any]:
    """The content of ``path``.

    Raises
    ------
    BadInput: it is not there, not UTF-8, not a YAML mapping, or has a key twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(str(path), f"not UTF-8 ({error})", "a YAML mapping", "Convert the file to UTF-8.") from error
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else os.strerror(error.errno or 0).lower()
        raise BadInput(str(path), found, "the parameters of this project", "Run from the root of the repository.") from error
    return parse_params(text, str(path))


def parse_params(text: str, where: str) -> dict[str, Any]:
    """The mapping that a YAML text holds.

    Raises
    ------
    BadInput: it holds something else, or a key twice: YAML would take the last of them and say nothing.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(where, f"not YAML ({' '.join(str(error).split())})", "a YAML mapping", "Mend the file there.") from error
    if not isinstance(raw, dict):
        raise BadInput(where, f"a {type(raw).__name__}", "a YAML mapping", "Start from the file in the repository.")
    for key, first, second in repeated_keys(tree):
        raise BadInput(
            f"{where}, line {second}", f"the key {key!r}, which stands on line {first} already", "each key once", "Remove one of them."
        )
    return raw


def repeated_keys(tree: Any, seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, int, int]]:
    """Keys that a mapping has twice, with the lines of the first and the second; ``seen``: the nodes around it, against anchors in circles."""
    if not isinstance(tree, yaml.CollectionNode) or id(tree) in seen:
        return
    lines: dict[str, int] = {}
    for part in tree.value:
        key, value = part if isinstance(tree, yaml.MappingNode) else (None, part)
        if key is not None:
            line = key.start_mark.line + 1
            if key.value in lines:
                yield key.value, lines[key.value], line
            if isinstance(key, yaml.ScalarNode):
                lines[key.value] = line
        yield from repeated_keys(value, seen | {id(tree)})


def resolve(raw: dict[str, Any], where: str = "params.yaml") -> Study | PublishedStudy:
    """Lay the selected study over the shared defaults and check everything; the key ``published`` makes a study of that kind.

    Raises
    ------
    BadInput: naming the key, what was found, what is allowed and the cure.
    """
    shared = {key: value for key, value in raw.items() if key not in ("study", "studies")}
    selected = raw.get("study")
    studies = mapping(raw.get("studies"), f"{where}, key 'studies'")
    if not isinstance(selected, str) or selected not in studies:
        names = sorted(map(str, studies))
        found = repr(selected) if isinstance(selected, str | None) else f"{selected!r}, a {type(selected).__name__}"
        raise BadInput(f"{where}, key 'study'", found, f"one of {names}", "Name one of these, or add an entry under 'studies'.")
    entries = mapping(studies[selected], f"{where}, key 'studies.{selected}'")
    for place, part in (("name", shared), (f"studies.{selected}.name", entries)):
        if "name" in part:
            found = f"an unknown key with value {part['name']!r}"
            raise BadInput(f"{where}, key '{place}'", found, "the key of a study under 'studies' as its one name", "Remove it.")
    kind: type[Study | PublishedStudy] = PublishedStudy if "published" in entries else Study
    merged = {"seed": shared.get("seed"), **entries} if kind is PublishedStudy else lay_over(shared, entries)
    check_shared(shared, selected, where)
    try:
        return kind.model_validate({"name": selected, **with_methods(merged, where)})
    except ValidationError as error:
        raise explain(error.errors(), where, {"name": selected, **merged}, kind) from error


def mapping(value: Any, where: str) -> dict[Any, Any]:
    """``value``, which is a mapping or nothing.

    Raises
    ------
    BadInput: it is something else.
    """
    if not isinstance(value, dict | None):
        raise BadInput(
            where, f"{value!r}, a {type(value).__name__}", "a mapping of keys to values", "Write one key and its value a line below it."
        )
    return value or {}


def check_shared(shared: dict[str, Any], selected: str, where: str) -> None:
    """Check shared values too, where a study lays its own over them: a wrong value must not wait for another study.

    Raises
    ------
    BadInput: as ``resolve``.
    """
    known = with_methods({key: value for key, value in shared.items() if key in Study.model_fields}, where)
    try:
        Study.model_validate(known)
    except ValidationError as error:
        if problems := [problem for problem in error.errors() if problem["type"] not in ("missing", "extra_forbidden")]:
            raise explain(problems, where, {"name": selected, **known}) from error


def lay_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Deep-merge two mappings; ``above`` wins; entries named in ``REPLACED``, or of another ``kind``, are replaced, not merged."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if (
            key not in REPLACED
            and isinstance(value, dict)
            and isinstance(under, dict)
            and value.get("kind", under.get("kind")) == under.get("kind")
        ):
            merged[key] = lay_over(under, value)
        else:
            merged[key] = value
    return merged


def with_methods(merged: dict[str, Any], where: str = "params.yaml") -> dict[str, Any]:
    """Every method with all its settings: its own ``gap`` over the shared one, and sweeps as one method per combination."""
    shared, methods = merged.get("gap"), merged.get("methods")
    if not isinstance(shared, dict) or not isinstance(methods, dict):
        return merged
    complete: dict[str, Any] = {}
    for name, entry in methods.items():
        for swept, settings in unrolled(name, entry or {}, where):
            if swept in complete:
                found = f"{swept!r}, the name of another method too"
                raise BadInput(f"{where}, key 'methods.{name}'", found, "a name of its own for each method", "Rename one of them.")
            own = settings.get("gap") or {} if isinstance(settings, dict) else None
            complete[swept] = {**settings, "gap": lay_over(shared, own)} if isinstance(own, dict) else settings
    return {**merged, "methods": complete}


def unrolled(name: str, entry: Any, where: str) -> list[tuple[str, Any]]:
    """A method by its name, or one per combination of the values in its ``sweep``, named after them.

    Raises
    ------
    BadInput: no values are listed for a key, or one of them twice.
    """
    sweep = entry.get("sweep") if isinstance(entry, dict) else None
    if not isinstance(sweep, dict) or not sweep or not all(isinstance(values, list) for values in sweep.values()):
        return [(name, entry)]
    own, label = entry.get("gap"), entry.get("label")
    if not (isinstance(own, dict | None) and isinstance(label, str | None)):
        return [(name, entry)]  # refused by the types
    for key, values in sweep.items():
        place = f"{where}, key 'methods.{name}.sweep.{key}'"
        if not values:
            raise BadInput(place, "an empty list", "the values of that key, one method each", "List them, or remove the key.")
        twice = [value for number, value in enumerate(values) if value in values[:number]]
        if twice:
            raise BadInput(place, f"{twice[0]!r} twice", "each value once", "Remove one of them.")
    rest = {key: value for key, value in entry.items() if key != "sweep"}
    listed = [list(zip(words_of(values), values, strict=True)) for values in sweep.values()]
    methods = []
    for combination in product(*listed):
        words = [word for word, _ in combination]
        gap = {**(own or {}), **{key: value for key, (_, value) in zip(sweep, combination, strict=True)}}
        methods.append((f"{name}-{'-'.join(words)}", {**rest, "label": f"{label or name} {' '.join(words)}", "gap": gap}))
    return methods


def words_of(values: list[Any]) -> list[str]:
    """A word for each value of a sweep, none twice: a mapping's ``kind`` where that tells them apart, or with all its other values."""
    short = [str(value.get("kind")) if isinstance(value, dict) and "kind" in value else _word(value) for value in values]
    words = [_word(value) if short.count(word) > 1 else word for word, value in zip(short, values, strict=True)]
    return [word if words.count(word) == 1 else f"{word}-{place + 1}" for place, word in enumerate(words)]


def _word(value: Any) -> str:
    """A value as part of a name, which takes small letters, digits, dots, underscores and hyphens."""
    if isinstance(value, dict):
        parts = [str(value["kind"])] if "kind" in value else []
        return "-".join([*parts, *(f"{key}-{_word(item)}" for key, item in value.items() if key != "kind")])
    if isinstance(value, list):
        return "-".join(map(_word, value))
    return re.sub("[^a-z0-9._-]", "", str(value).lower())


def explain(problems: Sequence[ErrorDetails], file: str, given: dict[str, Any], kind: type[Study | PublishedStudy] = Study) -> BadInput:
    """One paragraph for the first of the problems that pydantic found in the study that ``given`` describes."""
    first = problems[0]
    value, context, problem = first["input"], first.get("ctx", {}), first["type"]
    keys = keys_in_file(first["loc"], given)
    if problem in ("union_tag_invalid", "union_tag_not_found"):
        keys, value = (*keys, "kind"), context.get("tag")
    study = f"(study {given['name']})"
    where = f"{file}, key '{'.'.join(map(str, keys))}' {study}" if keys else f"{file} {study}"
    more = f" ({len(problems) - 1} further problem(s) in the same file.)" if len(problems) > 1 else ""
    if problem == "extra_forbidden":
        found = f"an unknown key with value {value!r}"
        return BadInput(where, found, _siblings(first["loc"], kind), f"Remove it or correct its spelling.{more}")
    if problem in ("missing", "union_tag_not_found"):
        return BadInput(where, "nothing", "a value", f"Add the key; docs/params.schema.json describes it.{more}")
    if (problem == "string_pattern_mismatch" and context["pattern"] == PATTERN) or first["loc"][-1:] == ("[key]",):
        other = suggestion(str(value))
        cure = f"Rename it, for example to {other!r}, wherever it is named." if other else "Rename it wherever it is named."
        return BadInput(where, f"the name {value!r}", RULE, f"{cure}{more}")
    cause = getattr(context.get("error"), "__cause__", None)
    if isinstance(cause, GapError):
        found = cause.found if repr(value) in cause.found else f"{value!r}, {cause.found}"
        return BadInput(where, found, cause.allowed, f"{cause.cure}{more}")
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if not keys:
        return BadInput(where, message, "keys that go together", f"Correct one of them; docs/params.schema.json describes every key.{more}")
    allowed = f"one of {context['expected_tags']}" if problem == "union_tag_invalid" else message
    found = "this mapping" if isinstance(value, dict) else repr(value)
    return BadInput(where, found, allowed, f"Correct the value; docs/params.schema.json describes every key.{more}")


def keys_in_file(location: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    """``location`` without what pydantic puts into it: the kinds of the mappings on the way, and its mark for the key of a mapping."""
    keys = []
    is_kind = False
    for part in location:
        inside = given if isinstance(given, dict) else dict(enumerate(given)) if isinstance(given, list) else {}
        is_kind = not is_kind and inside.get("kind") == part  # it comes first; a key of the same name may follow
        if part != "[key]" and not is_kind:
            keys.append(part)
            given = inside.get(part)
    return tuple(keys)


def _siblings(location: tuple[Any, ...], kind: type[Study | PublishedStudy]) -> str:
    """The keys allowed beside an unknown one, by the JSON schema along ``location``."""
    from gap.params.json_schema import keys_at

    return f"the keys {keys_at(location[:-1], kind)}"
