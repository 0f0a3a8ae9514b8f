"""Names of entries, and labels: what a user calls things, in file names and in figures."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
RULE = "names of at most 100 letters a to z and A to Z, digits, dots, underscores and hyphens, of which the first is a letter or a digit"

#: Of studies, sources, tokenizers, models, corpora and methods: they stand in the names of files and of jobs.
Name = Annotated[str, StringConstraints(pattern=PATTERN)]


def name_in_rule(name: str) -> str:
    """``name`` as part of the name of a rule of the workflow, which takes no dots and hyphens."""
    return re.sub("[.-]", "_", name)


def suggestion(name: str) -> str:
    """A valid name like ``name``: of a path or a hub's id the last part; empty where nothing is left of it."""
    last = [part for part in re.split(r"[/\\\\]", name) if part][-1:]
    return re.sub("[^A-Za-z0-9._-]+", "-", "".join(last)).strip("._-")[:100]


def _one_line(label: str) -> str:
    if not label.isprintable():
        raise ValueError("one line of printable text")
    return label


#: Of anything that figures, tables or the page show.
Label = Annotated[str, AfterValidator(_one_line)]
