"""Readers: each turns one kind of source into documents in a fixed order, by a function ``read(source, seed)``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """One document: its identity inside its source, its text, the source it came from (a file or data set name), its title if any."""

    id: str
    text: str
    source: str
    title: str = ""
