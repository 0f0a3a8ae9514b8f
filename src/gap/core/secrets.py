"""Keeping secrets out of messages and records: passwords and tokens in addresses, and values of the environment's secret variables."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

#: Last words of the names of variables that hold a secret.
SECRET = frozenset({"TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIALS"})
#: Shorter values are words of other texts too.
SHORTEST = 8
#: What stands in front of the host; a password may hold @, for the last one ends it.
USER = re.compile(r"(?<=://)[^/\s]+(?=@)")
QUERY = re.compile(r"([?&][^=&\s]*(?:token|secret|password|signature|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)
HIDDEN = "***"


def redacted(text: str) -> str:
    """``text`` with each secret of the environment, and what stands for a user or a token in an address, as ``***``."""
    for value in sorted(set(_secrets(os.environ)), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return QUERY.sub(rf"\1{HIDDEN}", USER.sub(HIDDEN, text))


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name.upper().rpartition("_")[2] in SECRET and len(value) >= SHORTEST:
            yield value
        for user in USER.findall(value):
            yield from (part for part in user.partition(":") if len(part) >= SHORTEST)
