"""Write docs/parameters.md and docs/cli.md, the references of params.yaml and of the command line, from the code.

python workflow/scripts/reference.py            # make docs calls it
python workflow/scripts/reference.py --check    # writes nothing; exit code 1 where a page would change
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import typer
from generated import write_or_check

from gap.cli.main import app
from gap.params.json_schema import params_schema

Schema = dict[str, Any]
#: Limits of JSON Schema, as a reader says them.
LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}


def parameters_page() -> str:
    """The page of all keys of params.yaml."""
    schema = params_schema()
    lines = [
        "# Parameters",
        "",
        "Every key of params.yaml, made from the code by `make docs`. `studies.NAME` lays its keys over the shared ones. An unknown key, or a value that is not",
        "allowed, is refused before any job runs. Keys without a default are required. Editors complete and check with [params.schema.json](params.schema.json).",
        "",
        "## At the top, and in a study",
        "",
        *table(schema),
    ]
    for name, part in sorted(schema["$defs"].items()):
        lines += ["", f"## {name}", "", *paragraphs(part), *table(part)]
    return "\n".join(lines) + "\n"


def paragraphs(part: Schema) -> list[str]:
    """What a section is about."""
    text = " ".join(part.get("description", "").split())
    return [escaped(text), ""] if text else []


def table(part: Schema) -> list[str]:
    """A row per key."""
    rows = [
        f"| `{key}` | {kind(entry)} | {default(entry, key in part.get('required', []))} | {escaped(entry.get('description', ''))} |"
        for key, entry in part.get("properties", {}).items()
    ]
    return ["| key | value | default | |", "| --- | --- | --- | --- |", *rows] if rows else [kind(part)]


def kind(entry: Schema) -> str:
    """What a value may be."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return " or ".join(f"`{value}`" for value in entry["enum"])
    for union in ("oneOf", "anyOf"):
        if union in entry:
            return " or ".join(dict.fromkeys(kind(one) for one in entry[union]))
    if "patternProperties" in entry:
        return f"name: {kind(next(iter(entry['patternProperties'].values())))}"
    if entry.get("type") == "array":
        return f"list of {kind(entry['items'])}" if "items" in entry else "list"
    if entry.get("type") == "object":
        more = entry.get("additionalProperties")
        return f"name: {kind(more)}" if isinstance(more, dict) else "mapping"
    limits = [f"{words} {entry[name]:g}" for name, words in LIMITS.items() if name in entry]
    plain = {"null": "nothing", "number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
    return ", ".join([plain.get(entry.get("type", ""), "any value"), *limits])


def default(entry: Schema, required: bool) -> str:
    """A key's default as YAML would have it."""
    if required or "default" not in entry:
        return ""
    value = entry["default"]
    shown = (
        "nothing"
        if value is None or value == ""
        else "empty"
        if value in ([], {})
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    return shown if shown in ("nothing", "empty") else f"`{escaped(shown)}`"


def cli_page() -> str:
    """The page of all commands."""
    lines = [
        "# Command line",
        "",
        "Every command of `gap`, made from the code by `make docs`. [Operations](operations.md#commands) says which ones a person types; the rules call the others.",
    ]
    command: Any = typer.main.get_command(app)
    for name in sorted(command.commands):
        one = command.commands[name]
        lines += ["", f"## gap {name}", "", *(escaped(part) for part in texts(one.help or "")), "", *parameters(one.params)]
    return "\n".join(lines).rstrip() + "\n"


def texts(text: str) -> Iterator[str]:
    """Paragraphs, one line each."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        yield from ([""] if number else [])
        yield " ".join(paragraph.split())


def parameters(params: list[Any]) -> list[str]:
    """A row per argument and option."""
    rows = []
    for one in params:
        names = ", ".join([*one.opts, *one.secondary_opts]) if one.param_type_name == "option" else one.name.upper()
        value = None if callable(one.default) or one.required else one.default
        shown = "" if value in (None, (), [], "", False) else f"`{escaped(str(value))}`"
        rows.append(
            f"| `{names}` | {'required' if one.required else shown} | {escaped(' '.join((getattr(one, 'help', '') or '').split()))} |"
        )
    return ["| argument or option | default | |", "| --- | --- | --- |", *rows] if rows else []


def escaped(text: str) -> str:
    """For a cell of a table."""
    return text.replace("|", r"\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(write_or_check({"docs/parameters.md": parameters_page(), "docs/cli.md": cli_page()}, "run make docs"))
