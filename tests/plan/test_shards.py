"""Which texts a shard's runs are made on, against all groups of texts laid out one after the other; and the names of shards' files."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gap.plan.stages import posttrain
from gap.plan.stages.posttrain import Shard, shard_file, texts_of_runs

RULES = Path(__file__).resolve().parents[2] / "workflow/rules/common.smk"


@pytest.mark.parametrize("combined", [False, True])
@pytest.mark.parametrize(("texts", "size"), [(1, 1), (7, 1), (7, 2), (12, 5), (12, 12)])
def test_every_group_of_texts_is_in_the_shard_of_its_first(texts: int, size: int, combined: bool) -> None:
    gap = SimpleNamespace(texts=texts, texts_per_update=size)
    plan: Any = SimpleNamespace(study=SimpleNamespace(methods={"up": SimpleNamespace(gap=gap, combine=combined)}))
    groups = [list(range(first, first + size)) for first in range(0, texts, size) if first + size <= texts]
    for first in range(texts):
        for last in range(first + 1, texts + 1):
            inside = [group for group in groups if first <= group[0] < last]
            assert texts_of_runs(plan, Shard("m", "up", first, last)) == ([inside] if combined else [[group] for group in inside])


@pytest.mark.parametrize(("first", "last"), [(0, 4), (9_990, 10_000), (10_000, 123_456)])
def test_the_rules_know_the_name_of_every_shard(first: int, last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posttrain, "runs", lambda plan, shard: ())
    nothing: Any = SimpleNamespace
    constraints = dict(re.findall(r'^    (\w+)="(.+)",$', RULES.read_text(encoding="utf-8"), re.MULTILINE))
    groups = [f"(?P<{name}>{constraints[name]})" for name in ("method", "first", "last", "hash")]
    found = re.fullmatch(r"{}-texts-{}-{}-{}\.parquet".format(*groups), shard_file(nothing, Shard("opt", "up-0.5", first, last), 3))
    assert found and (found["method"], int(found["first"]), int(found["last"])) == ("up-0.5", first, last)
