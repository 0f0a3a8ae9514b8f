"""A model whose weights are sharded over the devices of a process group: fully sharded data parallel, torch's own (FSDP2).

Each process holds some rows of every weight, of its gradient and of the optimizer's state; a layer's weights are gathered
for its pass and freed behind it.  All processes feed the same tokens, so gradients are the same everywhere and their mean
over a power of two is each of them bit for bit: results are those of one process.  Without a group the only shard is the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gap.runtime.process_group import is_first, process_group

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Parts of a model that may be called by themselves, under these names.
BODY, HEAD = "gap_body", "gap_head"


def shard_model(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """Keep this process's shard of ``model`` on ``device``; the numbered blocks and what is left are gathered one at a time.

    Without a group the whole model.
    """
    network: Any = model
    if process_group().world_size == 1:
        return network.to(device=device)
    import warnings

    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    # a block that returns a view is only a danger to what changes it in place, which no model here does
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor", category=UserWarning)
    mesh = init_device_mesh(device.type, (process_group().world_size,))
    blocks = set(network._no_split_modules or ())
    for module in list(network.modules()):
        if type(module).__name__ in blocks:
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
    head = network.get_output_embeddings() is not None
    setattr(network, BODY, MethodType(_body, network))
    if head:
        setattr(network, HEAD, MethodType(_head, network))
    # gathered anew at every pass: between two of them the weights change
    fully_shard(network, mesh=mesh, reshard_after_forward=True)
    for name in (BODY, HEAD) if head else (BODY,):
        register_fsdp_forward_method(network, name)
    return model


def _body(model: Any, **inputs: Any) -> Any:
    return model.base_model(**inputs)


def _head(model: Any, features: Tensor) -> Tensor:
    return model.get_output_embeddings()(features)


def body_and_head(model: Any) -> tuple[Any, Any]:
    """Body and head of a causal model, to be called by themselves; the head is None where there is none."""
    if process_group().world_size == 1:
        return model.base_model, model.get_output_embeddings()
    return getattr(model, BODY), getattr(model, HEAD, None)


@contextmanager
def without_gradients() -> Iterator[None]:
    """Inference mode, or where weights are gathered into memory that a later backward pass uses too, no_grad."""
    with torch.inference_mode() if process_group().world_size == 1 else torch.no_grad():
        yield


def local_shard(weight: Tensor) -> Tensor:
    """The rows of ``weight`` (or of its gradient) that this process holds, as a plain tensor over the same memory."""
    return weight.to_local() if is_sharded(weight) else weight  # type: ignore[attr-defined]


def is_sharded(weight: Tensor) -> bool:
    """Whether other processes hold some of it."""
    return process_group().world_size > 1 and hasattr(weight, "to_local")


def shard_offset(weight: Tensor) -> int:
    """Where this process's shard of the flat weight begins: rows are distributed as ``torch.chunk`` does."""
    if not is_sharded(weight) or not weight.shape[0]:
        return 0
    rows = -(-weight.shape[0] // process_group().world_size)
    return min(process_group().rank * rows, weight.shape[0]) * (weight.numel() // weight.shape[0])


def shard_like(weight: Tensor, local: Tensor) -> Tensor:
    """``local``, over the same memory, as this process's rows of a tensor that is sharded as ``weight`` is."""
    if not is_sharded(weight):
        return local
    from torch.distributed.tensor import DTensor

    shared: Any = weight
    return DTensor.from_local(local, shared.device_mesh, shared.placements, run_check=False, shape=weight.shape, stride=weight.stride())


def local_rows(weight: Tensor, rows: Tensor) -> Tensor:
    """Those of ``rows``, all rows of a tensor of the weight's shape, that this process holds of the weight."""
    first = shard_offset(weight) // max(1, weight.numel() // max(1, weight.shape[0]))
    return rows[first : first + local_shard(weight).shape[0]]


def full_state_dict(model: PreTrainedModel) -> dict[str, Tensor] | None:
    """All weights by name, on the host of a group's first process (the others get an empty one); None without a group."""
    if process_group().world_size == 1:
        return None
    state: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    for name, weight in model.named_parameters(remove_duplicate=False):
        tied = names.setdefault(id(weight), name)
        rows = gather_full(weight.detach()) if tied == name else None  # every process takes part
        if is_first():
            state[name] = state[tied] if rows is None else rows.cpu()
    return state | ({name: buffer for name, buffer in model.state_dict().items() if name not in state} if is_first() else {})


def gather_full(weight: Tensor) -> Tensor:
    """All rows of a weight, on every process."""
    return weight.full_tensor() if is_sharded(weight) else weight  # type: ignore[attr-defined]
