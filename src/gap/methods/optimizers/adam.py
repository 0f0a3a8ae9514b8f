"""Adam, torch's own (Kingma and Ba 2015; authors' training loop)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from gap.core.settings import Settings
from gap.methods import OPTIMIZERS

if TYPE_CHECKING:
    from torch.optim import Optimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(Settings):
    """torch.optim.Adam."""

    kind: Literal["adam"]
    betas: tuple[Beta, Beta]
    eps: float = Field(gt=0)
    weight_decay: float = Field(ge=0, description="Added to the gradient (L2), as Adam has it; AdamW's is another.")
    implementation: Literal["foreach", "fused", "loop"] = Field(description="torch's implementation; foreach and loop give the same bits.")


@OPTIMIZERS.register(Adam)
def adam(settings: Adam, groups: list[dict[str, Any]]) -> Optimizer:
    """A fresh Adam."""
    from torch.optim import Adam as TorchAdam

    chosen = settings.implementation
    return TorchAdam(
        groups,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        foreach=chosen == "foreach",
        fused=chosen == "fused",
    )
