"""Check a crate by rocrate-validator; run by a Python that has it: ``python validate_crate.py CRATE PROFILE``.

The JSON-LD contexts are read from the network; where it is out of reach, the terms that our crates use are given here.
"""

from __future__ import annotations

import io
import json
import sys
import urllib.error
import urllib.request
from email.message import Message
from typing import Any
from urllib.response import addinfourl

CRATE, RUN = "https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"
SCHEMA = [
    "name",
    "contentSize",
    "encodingFormat",
    "instrument",
    "object",
    "description",
    "result",
    "subjectOf",
    "startTime",
    "endTime",
    "license",
    "softwareVersion",
    "softwareRequirements",
    "position",
    "workExample",
    "version",
    "hasPart",
    "identifier",
    "author",
    "datePublished",
    "mainEntity",
    "mentions",
    "about",
    "programmingLanguage",
    "step",
    "url",
    "agent",
    "CreateAction",
    "ControlAction",
    "OrganizeAction",
    "SoftwareApplication",
    "HowToStep",
    "HowTo",
    "CreativeWork",
    "Dataset",
    "Organization",
    "Person",
    "SoftwareSourceCode",
    "ComputerLanguage",
]
TERMS = {name: f"http://schema.org/{name}" for name in SCHEMA} | {
    "File": "http://schema.org/MediaObject",
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
}
CONTEXTS = {CRATE: TERMS, RUN: {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}}


def is_reachable() -> bool:
    """Whether the contexts can be read from the network."""
    try:
        with urllib.request.urlopen(CRATE, timeout=10):
            return True
    except (OSError, ValueError):
        return False


def give_contexts() -> None:
    """Answer for the two addresses, and for no other, in place of the network."""
    import rdflib._networking
    import requests

    def content(url: str) -> bytes | None:
        return json.dumps({"@context": CONTEXTS[url]}).encode() if url in CONTEXTS else None

    def send(self: Any, request: Any, **options: Any) -> requests.Response:
        answer = requests.Response()
        answer.request, answer.url, answer.status_code = request, request.url, 200
        if (body := content(request.url)) is None:
            raise requests.ConnectionError(request.url)
        answer._content = body
        answer.headers["Content-Type"] = "application/ld+json"
        return answer

    def urlopen(request: Any, *arguments: Any, **options: Any) -> addinfourl:
        url = request if isinstance(request, str) else request.full_url
        if (body := content(url)) is None:
            raise urllib.error.URLError(url)
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        return addinfourl(io.BytesIO(body), headers, url, 200)

    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
    urllib.request.urlopen = rdflib._networking.urlopen = urlopen  # type: ignore[assignment]


if __name__ == "__main__":
    if not is_reachable():
        give_contexts()
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=sys.argv[1],
        profile_identifier=sys.argv[2],
        requirement_severity=models.Severity.REQUIRED,
        no_cache=True,
    )
    issues = services.validate(settings).get_issues()
    print(json.dumps([f"{issue.check.identifier} {issue.violatingEntity}: {issue.message}" for issue in issues]))
