"""The made-up study with its light tables, built once."""

from __future__ import annotations

import pytest
from synthetic import build

from gap.aggregate.stage import aggregate
from gap.core.files import read_json


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict:
    document = read_json(build(tmp_path_factory.mktemp("study")))
    aggregate(document)
    return document
