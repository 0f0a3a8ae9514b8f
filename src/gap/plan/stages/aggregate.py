"""Aggregation: tidy tables, estimates, metrics, and the data of DVC's plots."""

from __future__ import annotations

from gap.aggregate.policies import POLICIES
from gap.plan.light import LightStage
from gap.plan.plan import Plan

CODE = ("gap.aggregate.stage",)


def extensions() -> tuple[str, ...]:
    """The modules of all selection policies."""
    return POLICIES.modules


def light_stages(plan: Plan) -> list[LightStage]:
    """One stage that writes all of them."""
    observations, tables, plots = (plan.results / name for name in ("observations", "tables", "plots"))
    outputs = {name: observations / f"{name}.parquet" for name in ("texts", "text_features", "trajectories", "run_scores", "selections")}
    outputs |= {name: tables / f"{name}.csv" for name in ("estimates", "contrasts", "familiarity")}
    outputs |= {
        "metrics": plan.results / "metrics.json",
        "plot_steps": plots / "score_by_step.csv",
        "plot_runs": plots / "gain_by_run.csv",
        "plot_pretraining": plots / "pretraining.csv",
    }
    return [LightStage("aggregate", outputs, (*CODE, *POLICIES.modules), reads=("scores", "runs", "features", "corpora", "models"))]
