"""From params.yaml to a checked study."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gap.core.errors import BadInput
from gap.params.published import PublishedStudy
from gap.params.study import Study

#: Entries of a study that replace the shared one as a whole instead of being laid over it key by key.
REPLACED = {"items", "tasks", "methods"}


def load_study(path: Path, overrides: dict[str, Any] | None = None) -> Study | PublishedStudy:
    """Read ``path`` and return the selected study; ``overrides`` (Snakemake's ``--config``) replace top-level entries."""
    return resolve({**read_params(path), **(overrides or {})}, str(path))


def read_params(path: Path) -> dict[str, Any]:
    """The content of params.yaml.

    Raises
    ------
    BadInput: it is missing or not a YAML mapping.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "the parameters of this project", "Run from the root of the repository.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"not YAML ({error})", "a YAML mapping", "Mend the file there.") from error
    if not isinstance(raw, dict):
        raise BadInput(str(path), f"a {type(raw).__name__}", "a YAML mapping", "Start from the file in the repository.")
    return raw


def resolve(raw: dict[str, Any], where: str = "params.yaml") -> Study | PublishedStudy:
    """Lay the selected study over the shared defaults and check everything; the key ``published`` makes a study of that kind.

    Raises
    ------
    BadInput: naming the key, what was found, what is allowed and the cure.
    """
    shared = {key: value for key, value in raw.items() if key not in ("study", "studies")}
    studies = raw.get("studies") or {}
    selected = str(raw.get("study"))
    if selected not in studies:
        raise BadInput(
            f"{where}, key 'study'", f"{selected!r}", f"one of {sorted(studies)}", "Name one of these, or add an entry under 'studies'."
        )
    entries = studies[selected] or {}
    kind: type[Study | PublishedStudy] = PublishedStudy if "published" in entries else Study
    merged = {"seed": shared.get("seed"), **entries} if kind is PublishedStudy else lay_over(shared, entries)
    try:
        check_shared(shared)
        return kind.model_validate({"name": selected, **with_methods(merged)})
    except ValidationError as error:
        raise explain(error, where, selected, kind) from error


def check_shared(shared: dict[str, Any]) -> None:
    """Check shared values too, where a study lays its own over them: a wrong value must not wait for another study."""
    known = with_methods({key: value for key, value in shared.items() if key in Study.model_fields})
    problems = []
    try:
        Study.model_validate(known)
    except ValidationError as error:
        problems = [problem for problem in error.errors() if problem["type"] not in ("missing", "extra_forbidden")]
    if problems:
        lines: list[Any] = [
            {"type": problem["type"], "loc": problem["loc"], "input": problem["input"], "ctx": problem.get("ctx", {})}
            for problem in problems
        ]
        raise ValidationError.from_exception_data("params", lines)


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


def with_methods(merged: dict[str, Any]) -> dict[str, Any]:
    """Every method with all its settings: its own ``gap`` over the shared one, and sweeps as one method per combination."""
    shared, methods = merged.get("gap"), merged.get("methods")
    if not isinstance(shared, dict) or not isinstance(methods, dict):
        return merged
    complete: dict[str, Any] = {}
    for name, entry in methods.items():
        for swept, settings in unrolled(name, entry or {}):
            complete[swept] = {**settings, "gap": lay_over(shared, settings.get("gap") or {})} if isinstance(settings, dict) else settings
    return {**merged, "methods": complete}


def unrolled(name: str, entry: Any) -> list[tuple[str, Any]]:
    """A method by its name, or one per combination of the values in its ``sweep``, named after them."""
    sweep = entry.get("sweep") if isinstance(entry, dict) else None
    if not isinstance(sweep, dict) or not all(isinstance(values, list) for values in sweep.values()):
        return [(name, entry)]
    rest = {key: value for key, value in entry.items() if key != "sweep"}
    methods = []
    for values in product(*sweep.values()):
        words = [str(value.get("kind")) if isinstance(value, dict) else f"{value}" for value in values]
        label = f"{entry.get('label') or name} {' '.join(words)}"
        methods.append(
            (
                f"{name}-{'-'.join(words)}",
                {**rest, "label": label, "gap": {**(rest.get("gap") or {}), **dict(zip(sweep, values, strict=True))}},
            )
        )
    return methods


def explain(error: ValidationError, where: str, study: str, kind: type[Study | PublishedStudy] = Study) -> BadInput:
    """One paragraph for the first problem pydantic found."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    value = first.get("input")
    more = f" ({error.error_count() - 1} further problem(s) in the same file.)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return BadInput(
            f"{where}, key '{key}' (study {study})",
            f"an unknown key with value {value!r}",
            _siblings(first["loc"], kind),
            f"Remove it or correct its spelling.{more}",
        )
    if first["type"] == "missing":
        return BadInput(
            f"{where}, key '{key}' (study {study})", "nothing", "a value", f"Add the key; docs/params.schema.json describes it.{more}"
        )
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        cure = f"Correct one of them; docs/params.schema.json describes every key.{more}"
        return BadInput(f"{where} (study {study})", message, "keys that go together", cure)
    return BadInput(
        f"{where}, key '{key}' (study {study})",
        repr(value) if not isinstance(value, dict) else "this mapping",
        message,
        f"Correct the value; docs/params.schema.json describes every key.{more}",
    )


def _siblings(location: tuple[Any, ...], kind: type[Study | PublishedStudy]) -> str:
    """The keys allowed beside an unknown one, by the JSON schema along ``location``."""
    from gap.params.json_schema import keys_at

    return f"the keys {keys_at(location[:-1], kind)}"
