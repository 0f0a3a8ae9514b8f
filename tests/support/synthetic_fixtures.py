"""The made-up study with its light tables, built once."""

from __future__ import annotations

import shutil

import pytest
from once import once
from synthetic import build

from gap.aggregate.stage import aggregate
from gap.core.files import read_json


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict:
    made = once(tmp_path_factory, "study", lambda folder: aggregate(read_json(build(folder))))
    folder = tmp_path_factory.mktemp("study")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    path = folder / "plan.json"
    path.write_text(path.read_text().replace(str(made), str(folder)))
    return read_json(path)
