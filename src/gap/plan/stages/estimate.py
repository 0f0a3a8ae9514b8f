"""Estimates from item scores, and verdicts on the paper's claims."""

from __future__ import annotations

from gap.params.preregistration_file import read_preregistration
from gap.plan.light import LightStage
from gap.plan.plan import Plan

CODE = ("gap.estimate.stage",)
TABLES = ("effects", "leave_one_out", "selection_bias", "expected_maxima", "paired_differences", "corpus_interactions", "answer_changes")


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage, by the rules of preregistration.yaml."""
    outputs = {name: plan.results / "observations" / f"{name}.parquet" for name in TABLES}
    outputs["verdicts"] = plan.results / "verdicts.json"
    settings = {"preregistration": read_preregistration(plan.study.name)}
    return [LightStage("estimate", outputs, CODE, ("aggregate",), settings, reads=("scores",))]
