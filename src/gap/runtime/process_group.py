"""Several processes that work on one model together, each holding a share of every weight (``gap.models.sharding``).

All of them do the same job from the same inputs, so they take the same decisions; what only one may do, reading what is
already there and writing, the first does for all.  Outside a team the functions here do nothing of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

Result = TypeVar("Result")


@dataclass(frozen=True)
class ProcessGroup:
    """size: number of processes; rank: this one's number; device: torch's number of its GPU, None on a CPU."""

    size: int = 1
    rank: int = 0
    device: int | None = None


_team = ProcessGroup()


def process_group() -> ProcessGroup:
    """The team of this process; one of size 1 outside any."""
    return _team


def join(own: ProcessGroup, meeting: Path) -> None:
    """Become a member; returns when all are there.  ``meeting`` is a file that does not exist yet, the same for all."""
    global _team
    import torch
    from torch import distributed

    if own.device is not None:
        torch.cuda.set_device(own.device)
        torch.cuda.init()  # or a device mesh would choose a device by rank
    backend = "gloo" if own.device is None else "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, init_method=f"file://{meeting}", rank=own.rank, world_size=own.size)
    _team = own


def leave() -> None:
    """Wait for the others, then be alone again."""
    global _team
    from torch import distributed

    distributed.barrier()
    distributed.destroy_process_group()
    _team = ProcessGroup()


def is_first() -> bool:
    """Whether this process reads and writes for the team."""
    return _team.rank == 0


def broadcast_from_first(make: Callable[[], Result]) -> Result:
    """What ``make`` returns in the first process; it is not called in the others."""
    if _team.size == 1:
        return make()
    from torch import distributed

    box: list[Any] = [make() if is_first() else None]
    distributed.broadcast_object_list(box, src=0)
    result: Result = box[0]
    return result


def all_reduce_sum(values: Tensor) -> Tensor:
    """Sum of ``values`` over the processes, in place; integers wrap around."""
    if _team.size > 1:
        from torch import distributed

        distributed.all_reduce(values)
    return values


def all_reduce_norm(own: Tensor) -> Tensor:
    """L2 norm (a scalar) over the processes of what each has the norm ``own`` of."""
    return own if _team.size == 1 else all_reduce_sum(own.square()).sqrt()


def in_turn(make: Callable[[], Result]) -> Result:
    """Let the processes do the same one after the other, so that what each needs meanwhile is needed once."""
    if _team.size == 1:
        return make()
    from torch import distributed

    for rank in range(_team.size):
        if rank == _team.rank:
            made = make()
        distributed.barrier()
    return made
