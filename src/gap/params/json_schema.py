"""The JSON schema of params.yaml, generated from the models (editors read it; a test holds the file to the models)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gap.params.published import PublishedStudy
from gap.params.study import Study

Schema = dict[str, Any]


def study_schema(kind: type[Study | PublishedStudy] = Study) -> Schema:
    """JSON schema of a study of that kind as params.yaml has it: its name is its key there."""
    schema = kind.model_json_schema()
    del schema["properties"]["name"]
    return schema


def params_schema() -> Schema:
    """JSON schema of params.yaml: `study`, `studies`, and shared entries, all optional except the first two."""
    full, published_only = study_schema(), study_schema(PublishedStudy)
    definitions = full.pop("$defs") | published_only.pop("$defs")
    entries = full["properties"]
    for definition in definitions.values():
        definition.pop("required", None)
    published = {"published": published_only["properties"]["published"]}
    study = {"type": "object", "properties": entries | published, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "params.yaml",
        "type": "object",
        "required": ["study", "studies"],
        "additionalProperties": False,
        "properties": {
            "study": {"type": "string", "description": "The study that every command works on."},
            "studies": {"type": "object", "additionalProperties": study},
            **entries,
        },
        "$defs": definitions,
    }


def keys_at(location: tuple[Any, ...], kind: type[Study | PublishedStudy] = Study) -> list[str]:
    """Names allowed in the mapping at ``location`` (a pydantic error location)."""
    full = study_schema(kind)
    nodes = list(_mappings(full, full["$defs"]))
    for part in location:
        inside = [entry for node in nodes for entry in _entries(node, part)]
        nodes = [mapping for entry in inside for mapping in _mappings(entry, full["$defs"])] or nodes
    return sorted({name for node in nodes for name in node.get("properties", {})})


def _mappings(node: Schema, definitions: Schema) -> Iterator[Schema]:
    """What a part of the schema stands for: itself, what it refers to, or the members of a union."""
    if "$ref" in node:
        yield from _mappings(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    elif members := node.get("oneOf", node.get("anyOf")):
        for member in members:
            yield from _mappings(member, definitions)
    else:
        yield node


def _entries(node: Schema, part: Any) -> list[Schema]:
    """The parts of the schema below ``node`` that a location's next part means: the kind of ``node`` itself, a key or an index."""
    properties = node.get("properties", {})
    tag = properties.get("kind", {})
    if part in (tag.get("const"), *tag.get("enum", [])):
        return [node]
    if str(part) in properties:
        return [properties[str(part)]]
    if isinstance(more := node.get("additionalProperties"), dict):
        return [more]
    if "patternProperties" in node:
        return list(node["patternProperties"].values())
    return [node["items"]] if "items" in node and isinstance(part, int) else []
