"""Forward passes abreast: a CPU's threads do not share each product, some of them run passes of their own.

Threads that share a product wait for each other at its end, some hundred times in a pass.  Threads that run whole passes
wait once, at the end of all; but few passes, or passes of very different sizes, leave some of them idle.
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
#: Passes at once at most: each holds activations and logits of its own.
MOST = 8
#: How much longer the last lane of a group may take than all would on average: about what sharing products costs.
SLACK = 1.1


def num_workers(threads: int, sizes: Sequence[float]) -> int:
    """How many passes of these sizes run at once, each on its part of the threads: as many as leave none idle for long.

    What divides ``threads`` alone counts; 1 where passes do not share out.
    """
    for count in range(min(threads, MOST, len(sizes)), 1, -1):
        if threads % count == 0 and makespan(sizes, count) <= SLACK * sum(sizes) / count:
            return count
    return 1


def makespan(sizes: Sequence[float], count: int) -> float:
    """What the fullest of ``count`` lanes gets where each size, the largest first, goes to the emptiest."""
    filled = [0.0] * count
    for size in sorted(sizes, reverse=True):
        filled[filled.index(min(filled))] += size
    return max(filled)


def parallel_map(run: Callable[[T], R], groups: Sequence[Sequence[T]], size: Callable[[T], float]) -> list[R]:
    """``run`` of each part of each group, in their order, on this process's CPU threads; what is large by ``size`` begins first.

    How many threads a part has depends on its own group alone, and so do its bits.  Autocast is the caller's; whether gradients
    are kept is for ``run`` to say.
    """
    threads = torch.get_num_threads()
    parts = [part for group in groups for part in group]
    sizes = [size(part) for part in parts]
    counts: list[int] = []
    for group in groups:
        own = sizes[len(counts) : len(counts) + len(group)]
        counts += [num_workers(threads, own)] * len(group)
    found: dict[int, R] = {}
    for count in sorted(set(counts)):
        places = sorted((place for place, own in enumerate(counts) if own == count), key=lambda place: -sizes[place])
        found |= {place: run(parts[place]) for place in places} if count == 1 else _at_once(run, parts, places, count, threads // count)
    return [found[place] for place in range(len(parts))]


def _at_once(run: Callable[[T], R], parts: Sequence[T], places: Sequence[int], count: int, each: int) -> dict[int, R]:
    """``run`` of the parts at ``places``, begun in that order, by ``count`` threads that have ``each`` for their products."""
    enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def inside(part: T) -> R:
        with torch.autocast("cpu", enabled=enabled, dtype=dtype):
            return run(part)

    waiting = {place: _pool(count, each).submit(inside, parts[place]) for place in places}
    try:
        return {place: future.result() for place, future in waiting.items()}
    finally:
        # after a failure, or an interruption, what has not begun need not, and nothing may go on unseen
        wait([future for future in waiting.values() if not future.cancel()])


@cache
def _pool(count: int, each: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="pass", initializer=torch.set_num_threads, initargs=(each,))


# a forked process has none of its parent's threads
os.register_at_fork(after_in_child=_pool.cache_clear)
