"""The report: one self-contained page."""

from __future__ import annotations

from gap.plan.light import LightStage
from gap.plan.plan import Plan
from gap.plan.stages import figures

CODE = ("gap.report.stage",)


def light_stages(plan: Plan) -> list[LightStage]:
    """It reads what all other light stages write."""
    exports = tuple(f"export-{model}" for model in plan.subjects)
    needs = ("overlap", "boundary", "noise", "aggregate", "estimate", "tables", "figures", *exports)
    return [LightStage("report", {"report": plan.results / "report.html"}, (*CODE, *figures.extensions()), needs)]
