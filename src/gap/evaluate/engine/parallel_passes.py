"""Forward passes in parallel: instead of sharing every matrix product, a CPU's threads are divided among several passes.

Threads that share a product wait for each other at its end, some hundred times in a pass.  Threads that run whole passes
wait once, at the end of all; but few passes, or passes of very different sizes, leave some of them idle.  Passes are
assigned by list scheduling, the longest processing time first (LPT; Graham 1969).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")
#: Workers at most: each holds its own activations and logits.
MAX_WORKERS = 8
#: Largest makespan as a multiple of the mean load: about what sharing every product costs instead.
MAX_IMBALANCE = 1.1


def num_workers(threads: int, sizes: Sequence[float]) -> int:
    """How many passes of these sizes to run at once, each on an equal part of the threads: the most that are evenly loaded.

    A divisor of ``threads``; 1 where the sizes do not divide evenly.
    """
    for count in range(min(threads, MAX_WORKERS, len(sizes)), 1, -1):
        if threads % count == 0 and makespan(sizes, count) <= MAX_IMBALANCE * sum(sizes) / count:
            return count
    return 1


def makespan(sizes: Sequence[float], count: int) -> float:
    """The largest load of ``count`` workers under LPT: each size, the largest first, goes to the least loaded worker."""
    loads = [0.0] * count
    for size in sorted(sizes, reverse=True):
        loads[loads.index(min(loads))] += size
    return max(loads)


def parallel_map(run: Callable[[T], R], groups: Sequence[Sequence[T]], size: Callable[[T], float]) -> list[R]:
    """``run`` of each item of each group, in their order, on this process's CPU threads; the largest by ``size`` start first.

    How many threads an item has depends on its own group alone, and so do the bits of its result.  Autocast is the caller's;
    whether gradients are recorded is for ``run`` to say.  The first failure is raised; items not yet started are cancelled.
    """
    threads = torch.get_num_threads()
    items = [item for group in groups for item in group]
    sizes = [size(item) for item in items]
    workers: list[int] = []  # of the group of each item
    for group in groups:
        workers += [num_workers(threads, sizes[len(workers) : len(workers) + len(group)])] * len(group)
    results: dict[int, R] = {}
    for count in sorted(set(workers)):
        indices = sorted((index for index, number in enumerate(workers) if number == count), key=lambda index: -sizes[index])
        if count == 1:
            results |= {index: run(items[index]) for index in indices}
        else:
            results |= zip(indices, _run_on_pool(_pool(count, threads // count), run, [items[index] for index in indices]), strict=True)
    return [results[index] for index in range(len(items))]


def _run_on_pool(pool: ThreadPoolExecutor, run: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """``run`` of the items, started in their order."""
    enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def run_under_autocast(item: T) -> R:
        with torch.autocast("cpu", enabled=enabled, dtype=dtype):
            return run(item)

    futures = [pool.submit(run_under_autocast, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        # after a failure or an interruption, what has not started is cancelled and what has started is waited for
        wait([future for future in futures if not future.cancel()])


@cache
def _pool(workers: int, threads_per_worker: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="pass", initializer=_set_threads, initargs=(threads_per_worker,))


def _set_threads(count: int) -> None:
    # the first call in a thread takes over the number that any thread has set last; only what follows it is the thread's own
    torch.get_num_threads()
    torch.set_num_threads(count)


# a forked process has none of its parent's threads
os.register_at_fork(after_in_child=_pool.cache_clear)
