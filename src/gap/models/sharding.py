"""A model whose weights are shared out between the devices of a team: full-shard data parallel, torch's own (FSDP2).

Each process holds some rows of every weight, of its gradient and of the optimizer's state; a layer's weights are gathered
for its pass and freed behind it.  All processes feed the same tokens, so gradients are the same everywhere and their mean
over a power of two is each of them bit for bit: results are those of one process.  Outside a team a model is one share.
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
    """Keep this process's share of ``model`` on ``device``; the numbered blocks and what is left are gathered one at a time."""
    import warnings

    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    # a block that returns a view is only a danger to what changes it in place, which no model here does
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor", category=UserWarning)
    mesh = init_device_mesh(device.type, (process_group().world_size,))
    gather_full: Any = model
    blocks = set(gather_full._no_split_modules or ())
    for module in list(gather_full.modules()):
        if type(module).__name__ in blocks:
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
    head = gather_full.get_output_embeddings() is not None
    setattr(gather_full, BODY, MethodType(_body, gather_full))
    if head:
        setattr(gather_full, HEAD, MethodType(_head, gather_full))
    # gathered anew at every pass: between two of them the weights change
    fully_shard(gather_full, mesh=mesh, reshard_after_forward=True)
    for name in (BODY, HEAD) if head else (BODY,):
        register_fsdp_forward_method(gather_full, name)
    return model


def _body(model: Any, **inputs: Any) -> Any:
    return model.base_model(**inputs)


def _head(model: Any, features: Tensor) -> Tensor:
    return model.get_output_embeddings()(features)


def parts(model: Any) -> tuple[Any, Any]:
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
    """Where this process's share of the flat weight begins: rows are dealt out as ``torch.chunk`` does."""
    if not is_sharded(weight) or not weight.shape[0]:
        return 0
    rows = -(-weight.shape[0] // process_group().world_size)
    return min(process_group().rank * rows, weight.shape[0]) * (weight.numel() // weight.shape[0])


def like(weight: Tensor, own: Tensor) -> Tensor:
    """``own``, over the same memory, as this process's rows of something that is shared out as ``weight`` is."""
    if not is_sharded(weight):
        return own
    from torch.distributed.tensor import DTensor

    shared: Any = weight
    return DTensor.from_local(own, shared.device_mesh, shared.placements, run_check=False, shape=weight.shape, stride=weight.stride())


def local_rows(weight: Tensor, rows: Tensor) -> Tensor:
    """Those of ``rows``, all rows of something of the weight's shape, that this process holds of it."""
    is_first = shard_offset(weight) // max(1, weight.numel() // max(1, weight.shape[0]))
    return rows[is_first : is_first + local_shard(weight).shape[0]]


def full_state_dict(model: PreTrainedModel) -> dict[str, Tensor] | None:
    """All weights by name, on the host of a team's first process (the others get an empty one); None outside a team."""
    if process_group().world_size == 1:
        return None
    found: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    for name, weight in model.named_parameters(remove_duplicate=False):
        tied = names.setdefault(id(weight), name)
        rows = gather_full(weight.detach()) if tied == name else None  # every process takes part
        if is_first():
            found[name] = found[tied] if rows is None else rows.cpu()
    return found | ({name: buffer for name, buffer in model.state_dict().items() if name not in found} if is_first() else {})


def gather_full(weight: Tensor) -> Tensor:
    """All rows of a weight, on every process."""
    return weight.full_tensor() if is_sharded(weight) else weight  # type: ignore[attr-defined]
