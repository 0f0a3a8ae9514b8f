"""The best checkpoint of each model, exported as a Hugging Face folder."""

from __future__ import annotations

from gap.plan.light import LightStage
from gap.plan.plan import Plan

CODE = ("gap.checkpoints.export",)
FILES = ("model.safetensors", "gap_recipe.json")


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage per model that is post-trained."""
    return [
        LightStage(
            f"export-{model}",
            {f"{model}/{name}": plan.checkpoints / model / name for name in FILES},
            CODE,
            ("aggregate",),
            reads=("models", "corpora"),
        )
        for model in plan.subjects
    ]
