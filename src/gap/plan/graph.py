"""What the Snakefile needs of a study of either kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.params.load import resolve
from gap.params.study import Study
from gap.plan.build import Plan
from gap.plan.light import light_paths, light_stages, plan_document
from gap.plan.light import settle as settle_stages
from gap.plan.outputs import heavy_outputs
from gap.plan.published import PublishedPlan


@dataclass(frozen=True)
class Graph:
    """The plan, its document, its light outputs by name and by stage, and its heavy outputs."""

    plan: Plan | PublishedPlan
    document: dict[str, Any]
    light: dict[str, str]
    stages: dict[str, list[str]]
    heavy: list[str]

    @property
    def outputs(self) -> list[str]:
        """Everything that the study makes."""
        return [*self.heavy, *(path for outputs in self.stages.values() for path in outputs)]

    def settle(self) -> list[str]:
        """Set the times of the light outputs by what their records say; returns the stale stages."""
        return settle_stages(self.stages, Path(self.plan.results), self.document["digest"])


def open_graph(raw: dict[str, Any]) -> Graph:
    """The graph of the study that ``raw`` (the content of params.yaml) selects.

    Raises
    ------
    BadInput: a parameter is wrong, or a file that it names is missing.
    """
    study = resolve(raw)
    if isinstance(study, Study):
        plan = Plan(study)
        document = plan_document(plan)
        graph = Graph(plan, document, light_paths(plan), light_stages(plan), heavy_outputs(plan))
        plan.fingerprints.save()
        return graph
    published = PublishedPlan(study)
    return Graph(published, published.document, published.light, published.stages, published.heavy)
