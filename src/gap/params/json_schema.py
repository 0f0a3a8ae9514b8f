"""The JSON schema of params.yaml, generated from the models (editors read it; a test holds the file to the models)."""

from __future__ import annotations

from typing import Any

from gap.params.published import PublishedStudy
from gap.params.study import Study


def study_schema(kind: type[Study | PublishedStudy] = Study) -> dict[str, Any]:
    """JSON schema of a resolved study of that kind."""
    return kind.model_json_schema()


def params_schema() -> dict[str, Any]:
    """JSON schema of params.yaml: `study`, `studies`, and shared entries, all optional except the first two."""
    full, published_only = study_schema(), study_schema(PublishedStudy)
    definitions = full.pop("$defs") | published_only.pop("$defs")
    entries = {key: value for key, value in full["properties"].items() if key != "name"}
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
    definitions = full["$defs"]
    nodes = [full]
    for part in location:
        step: list[dict[str, Any]] = []
        for node in nodes:
            node = _follow(node, definitions)
            for choice in node.get("oneOf", node.get("anyOf", [node])):
                choice = _follow(choice, definitions)
                if str(part) in choice.get("properties", {}):
                    step.append(choice["properties"][str(part)])
                elif isinstance(choice.get("additionalProperties"), dict):
                    step.append(choice["additionalProperties"])
                elif "patternProperties" in choice:
                    step += choice["patternProperties"].values()
                elif "items" in choice and isinstance(part, int):
                    step.append(choice["items"])
                elif choice.get("properties", {}).get("kind", {}).get("const") == part or part in choice.get("properties", {}).get(
                    "kind", {}
                ).get("enum", []):
                    step.append(choice)
        nodes = step or nodes
    names: set[str] = set()
    for node in nodes:
        node = _follow(node, definitions)
        for choice in node.get("oneOf", [node]):
            names.update(_follow(choice, definitions).get("properties", {}))
    return sorted(names)


def _follow(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    return node
