"""Other metrics of the stored item scores."""

from __future__ import annotations

from gap.plan.light import LightStage
from gap.plan.plan import Plan

CODE = ("gap.estimate.rescore",)


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage; beside the scores it reads which step of a run counts."""
    outputs = {"rescored": plan.results / "observations/rescored.parquet", "rescored_summary": plan.results / "tables/rescored.csv"}
    return [LightStage("rescore", outputs, CODE, ("aggregate",), reads=("scores", "items"))]
