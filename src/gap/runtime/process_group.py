"""Processes that share one model, each holding some rows of every weight (``gap.models.sharding``).

All of them do the same job on the same inputs, so they take the same decisions.  Reading what is already there and writing
is done by the first process for all.  Without a group (world size 1) the functions here do nothing of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Result = TypeVar("Result")


@dataclass(frozen=True)
class ProcessGroup:
    """world_size: number of processes; rank: number of this process, from 0."""

    world_size: int = 1
    rank: int = 0


_group = ProcessGroup()


def process_group() -> ProcessGroup:
    """The group of this process."""
    return _group


def join(gpu: int | None) -> None:
    """Join the group that the environment describes, as torch's elastic launch sets it; returns when all have joined.

    Parameters
    ----------
    gpu: torch's number of this process's GPU; None on a CPU.
    """
    global _group
    import torch
    from torch import distributed

    if gpu is not None:
        torch.cuda.set_device(gpu)
        torch.cuda.init()  # or a device mesh would choose a device by rank
    distributed.init_process_group("gloo" if gpu is None else "cpu:gloo,cuda:nccl")
    _group = ProcessGroup(distributed.get_world_size(), distributed.get_rank())


def leave() -> None:
    """Wait for all processes of the group, then be alone again."""
    global _group
    from torch import distributed

    distributed.barrier()
    distributed.destroy_process_group()
    _group = ProcessGroup()


def is_first() -> bool:
    """Whether this process reads and writes for the group (rank 0)."""
    return _group.rank == 0


def broadcast_from_first(make: Callable[[], Result]) -> Result:
    """What ``make`` returns in the first process; it is not called in the others."""
    if _group.world_size == 1:
        return make()
    from torch import distributed

    values: list[Any] = [make() if is_first() else None]
    distributed.broadcast_object_list(values, src=0)
    result: Result = values[0]
    return result


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum of ``values`` over the processes, in place; integers wrap around."""
    if _group.world_size > 1:
        from torch import distributed

        distributed.all_reduce(values)
    return values


def all_reduce_norm(norm: Tensor) -> Tensor:
    """L2 norm (a scalar) of a vector of whose parts each process has one, with the norm ``norm``."""
    return norm if _group.world_size == 1 else all_reduce_sum(norm.square()).sqrt()


def in_turn(make: Callable[[], Result]) -> Result:
    """Call ``make`` in one process after the other, so that the host holds what it needs meanwhile only once."""
    if _group.world_size == 1:
        return make()
    from torch import distributed

    for rank in range(_group.world_size):
        if rank == _group.rank:
            result = make()
        distributed.barrier()
    return result
