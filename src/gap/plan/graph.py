"""What the Snakefile needs of a study of either kind."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput
from gap.core.files import read_json, read_object, write_json
from gap.params.load import read_params, resolve
from gap.params.study import Study
from gap.plan.code import changed_units, new_units, remember
from gap.plan.document import heavy_outputs, plan_document
from gap.plan.light import LightStage, check_records, light_keys, record_path
from gap.plan.plan import Plan
from gap.plan.stages import light_stages, units
from gap.plan.stages.published import PublishedPlan


@dataclass(frozen=True)
class Graph:
    """The plan, its document, and its light and heavy outputs."""

    plan: Plan | PublishedPlan
    document: dict[str, Any]
    stages: dict[str, LightStage]
    heavy: list[str]

    @property
    def light(self) -> dict[str, str]:
        """Every light output by the name that plan.json gives it."""
        return {name: str(path) for stage in self.stages.values() for name, path in stage.outputs.items()}

    @cached_property
    def keys(self) -> dict[str, str]:
        """Key of each light stage."""
        return light_keys(self.stages.values(), self.document["digest"])

    @property
    def inputs(self) -> dict[str, str]:
        """What the study reads from outside the project: input -> digest; the authors' files of study ``published`` are pinned."""
        return self.plan.fingerprints.used if isinstance(self.plan, Plan) else {}

    @property
    def plan_json(self) -> str:
        """The plan's file."""
        return str(self.plan.results / "plan.json")

    def record(self, stage: str) -> str:
        """The record that says that a light stage is up to date."""
        return str(record_path(Path(self.plan.results), stage, self.keys[stage]))

    @property
    def outputs(self) -> list[str]:
        """Everything that the study makes."""
        light = [path for stage in self.stages.values() for path in [*stage.paths, self.record(stage.name)]]
        return [*self.heavy, *light]

    def changed_code(self) -> str:
        """What the lock does not say of the code, in words; empty where it says all."""
        changed, new = changed_units(units()), new_units(units())
        parts = {"changed": [unit for unit in changed if unit not in new], "new": new}
        return "; ".join(f"{word}: {', '.join(found)}" for word, found in parts.items() if found)

    def unwritable(self) -> list[str]:
        """A sentence per label of the study that the figures can only draw as boxes on this machine."""
        from gap.figures.fonts import boxes

        study = self.document["study"]
        named = [entry for part in ("models", "methods", "corpora") for entry in (study.get(part) or {}).items()]
        named += self.document.get("tasks", {}).items()
        return boxes(entry.get("label") or name for name, entry in named)

    def save(self) -> None:
        """Write plan.json where it has changed, and keep the digests of inputs; before the first job, and not in a dry run."""
        write_changed(Path(self.plan_json), self.document)
        self.save_inputs()

    def save_inputs(self) -> None:
        """Write inputs.json, on which DVC's stage depends, the lock, and what is known of the code, where they have changed."""
        write_changed(Path(self.plan.results) / "inputs.json", self.inputs)
        if isinstance(self.plan, Plan):
            self.plan.fingerprints.save()
        remember()


def write_changed(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file unless it holds just this."""
    try:
        if read_json(path) == content:
            return
    except BadInput:
        pass
    write_json(path, content)


def open_graph(raw: dict[str, Any]) -> Graph:
    """The graph of the study that ``raw`` (the content of params.yaml) selects.

    Raises
    ------
    BadInput: a parameter is wrong, a file that it names is missing, or a light stage has two records.
    """
    graph = build_graph(raw)
    check_records(Path(graph.plan.results), graph.stages)
    return graph


def build_graph(raw: dict[str, Any]) -> Graph:
    """As ``open_graph``, whatever records there are: DVC removes them before it runs Snakemake."""
    study = resolve(raw)
    if isinstance(study, Study):
        plan = Plan(study)
        stages = light_stages(plan)
        return Graph(plan, plan_document(plan, stages), {stage.name: stage for stage in stages}, heavy_outputs(plan))
    published = PublishedPlan(study)
    return Graph(published, published.document, {"published": published.stage}, published.heavy)


def read_document(study: str, params: Path) -> dict[str, Any]:
    """plan.json of a study; what that of an earlier version lacks is added from ``params``, where it says the same.

    Raises
    ------
    BadInput: there is none, or it lacks the stages and ``params`` says something else by now.
    """
    path = Path("results") / study / "plan.json"
    document = read_object(path, f"Run the study first: make STUDY={study}.")
    if "stages" in document:
        return document
    present = build_graph({**read_params(params), "study": study}).document
    if present["digest"] != document.get("digest"):
        cure = f"Run the study again: make STUDY={study}; what is up to date stays."
        raise BadInput(str(path), "no key 'stages', and made for other parameters or code than the present ones", "a present plan", cure)
    return present
