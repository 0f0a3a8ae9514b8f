"""Passes in parallel: results in order, the caller's autocast, failures, the bits of one thread, and each pass's own query positions."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine import parallel_passes as module
from gap.evaluate.engine.parallel_passes import MAX_IMBALANCE, MAX_WORKERS, makespan, num_workers, parallel_map
from gap.evaluate.engine.pass_cache import PassCache
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.tasks.items import MultipleChoice


@pytest.fixture
def threads() -> Iterator[Any]:
    """Sets the number of threads; puts it back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@given(st.integers(1, 64), st.lists(st.integers(1, 1000), max_size=20))
def test_workers_are_the_most_that_are_evenly_loaded(threads: int, sizes: list[int]) -> None:
    count = num_workers(threads, sizes)
    assert 1 <= count <= MAX_WORKERS and threads % count == 0

    def even(workers: int) -> bool:
        return threads % workers == 0 and workers <= len(sizes) and makespan(sizes, workers) <= MAX_IMBALANCE * sum(sizes) / workers

    assert count == 1 or even(count)
    assert not any(even(more) for more in range(count + 1, MAX_WORKERS + 1) if more <= threads)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), st.integers(1, 4))
def test_the_largest_first_is_never_far_from_the_best_split(sizes: list[int], count: int) -> None:
    best = min(
        max(sum(size for size, assigned in zip(sizes, split, strict=True) if assigned == worker) for worker in range(count))
        for split in itertools.product(range(count), repeat=len(sizes))
    )
    assert best <= makespan(sizes, count) <= (4 / 3) * best  # Graham's bound


def test_what_is_shared_out_depends_on_a_group_alone(threads: Any) -> None:
    threads(4)

    def run(part: int) -> tuple[int, int]:
        return part, torch.get_num_threads()

    groups = [[8, 8, 8, 8], [40], [5, 5], [9, 1]]
    together = parallel_map(run, groups, float)
    assert together == [pair for group in groups for pair in parallel_map(run, [group], float)]
    assert together == [(8, 1)] * 4 + [(40, 4)] + [(5, 2)] * 2 + [(9, 4), (1, 4)]
    assert parallel_map(run, [], float) == parallel_map(run, [[]], float) == []


def test_two_run_at_once_and_the_largest_begin_first(threads: Any) -> None:
    threads(2)
    begun: list[int] = []
    two = threading.Barrier(2, timeout=300)

    def run(part: int) -> tuple[int, int, str]:
        begun.append(part)
        two.wait()  # one alone never passes
        return 10 * part, torch.get_num_threads(), threading.current_thread().name

    results = parallel_map(run, [[1, 4, 2, 3]], float)
    assert [value for value, *_ in results] == [10, 40, 20, 30]
    assert set(begun[:2]) == {4, 3} and set(begun[2:]) == {2, 1}
    assert {count for _, count, _ in results} == {1} and len({name for *_, name in results}) == 2
    assert torch.get_num_threads() == 2


def test_one_thread_runs_them_itself_in_order(threads: Any) -> None:
    threads(1)
    here = threading.get_ident()
    assert parallel_map(lambda part: (part, threading.get_ident()), [[3, 1, 2]], float) == [(3, here), (1, here), (2, here)]


@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_autocast_is_the_callers(threads: Any, dtype: torch.dtype | None) -> None:
    threads(2)
    one = torch.ones(4, 4)
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        found = parallel_map(lambda _: (one @ one).dtype, [[1, 1]], float)
    assert found == [dtype or torch.float32] * 2


def test_a_failure_is_raised_and_what_has_not_begun_is_left(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other worker is held in its first item until the map has begun to cancel: all other items are still queued then."""
    threads(2)
    begun: list[int] = []
    cancelled = threading.Event()
    cancel = Future.cancel

    def cancel_then_release(future: Any) -> bool:
        done = cancel(future)
        if done:
            cancelled.set()
        return done

    monkeypatch.setattr(Future, "cancel", cancel_then_release)

    def run(part: int) -> int:
        begun.append(part)
        if part == 100:
            raise ValueError("the largest")
        assert cancelled.wait(300)
        return part

    with pytest.raises(ValueError, match="the largest"):
        parallel_map(run, [[100, *[3] * 40]], float)
    count = len(begun)
    # both workers are idle again: whatever was queued would have run before these
    assert sorted(parallel_map(lambda part: part, [[1, 1]], float)) == [1, 1]
    assert len(begun) == count < 40


def test_a_forked_process_makes_threads_of_its_own(threads: Any) -> None:
    threads(2)
    assert parallel_map(lambda part: part, [[1, 1]], float) == [1, 1]
    child = os.fork()
    if not child:
        signal.alarm(300)  # a child that waits for threads it does not have is killed
        os._exit(0 if parallel_map(lambda part: part + 1, [[1, 1]], float) == [2, 2] else 1)
    assert os.waitpid(child, 0) == (child, 0)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
@pytest.mark.parametrize("name", ["opt", "llama"])
def test_scores_have_the_bits_of_one_thread(
    models: Any, tokenizer: Any, threads: Any, name: str, dtype: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pass has its own query positions, and its own cache of what it computes once."""
    monkeypatch.setattr(module, "MAX_IMBALANCE", 100.0)  # in parallel, however uneven
    plain = split_model(models(name))
    network = open_scoring_model(plain, dtype)
    assert network.query_selection is not None and network.parallel and not plain.parallel
    contexts = [f"{place} {'the cat sat on ' * (2 + place % 9)}" for place in range(20)]
    items = [MultipleChoice(context, (f" a mat {place}", " yes", " we can go"), 0) for place, context in enumerate(contexts)]
    chunks = encode_items(items, tokenizer, 150, 128, "cpu")
    assert sum(len(chunk.batches) for chunk in chunks) >= 4
    found = {}
    for count in (1, 2, 3):
        threads(count)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is not None):
            found[count] = [np.concatenate(score_chunks(network, chunks)[0]).tobytes() for _ in range(3)]
    assert len({bits for several in found.values() for bits in several}) == 1
    assert np.isfinite(np.frombuffer(found[1][0])).all()


def test_what_a_pass_computes_once_is_cached_to_its_end() -> None:
    cache, calls = PassCache(), []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    source, equal = [1], [1]
    assert [cache.get("kind", origin, compute) for origin in (source, source, equal, source)] == [1, 1, 2, 3], "equal is not the same"
    assert cache.get("another", source, compute) == 4 and cache.get("kind", source, compute) == 3
    cache.clear()
    assert cache.get("kind", source, compute) == 5
    elsewhere: list[int] = []
    thread = threading.Thread(target=lambda: elsewhere.append(cache.get("kind", source, compute)))
    thread.start()
    thread.join()
    assert elsewhere == [6] and cache.get("kind", source, compute) == 5
