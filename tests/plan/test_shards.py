"""Which texts a shard's runs are made on, against all groups of texts laid out one after the other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gap.plan.stages.posttrain import Shard, texts_of_runs


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
