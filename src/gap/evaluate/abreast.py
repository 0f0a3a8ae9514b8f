"""Forward passes abreast: a CPU's threads do not share each product, every few of them run passes of their own.

Threads that share a product wait for each other at its end, some hundred times in a pass.  Threads that run whole passes
wait once, at the end of all.  A pass's bits do not depend on how many run beside it.
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


def lanes(threads: int) -> tuple[int, int]:
    """How many passes run abreast on so many threads, and the threads of each: as many of both as leave fewest idle."""
    return max(((count, threads // count) for count in range(1, min(threads, MOST) + 1)), key=lambda pair: (pair[0] * pair[1], pair[0]))


def abreast(run: Callable[[T], R], parts: Sequence[T], size: Callable[[T], float]) -> list[R]:
    """``run`` of each part, in their order, on this process's CPU threads; what is large by ``size`` begins first.

    Autocast is the caller's; whether gradients are kept is for ``run`` to say.
    """
    count, each = lanes(torch.get_num_threads())
    autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def inside(part: T) -> R:
        with torch.autocast("cpu", enabled=autocast[0], dtype=autocast[1]):
            return run(part)

    if count == 1:
        return [run(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda place: -size(parts[place]))
    waiting = {place: _pool(count, each).submit(inside, parts[place]) for place in order}
    try:
        return [waiting[place].result() for place in range(len(parts))]
    finally:
        # after a failure, or an interruption, what has not begun need not, and nothing may go on unseen
        wait([future for future in waiting.values() if not future.cancel()])


@cache
def _pool(count: int, each: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="pass", initializer=torch.set_num_threads, initargs=(each,))


# a forked process has none of its parent's threads
os.register_at_fork(after_in_child=_pool.cache_clear)
