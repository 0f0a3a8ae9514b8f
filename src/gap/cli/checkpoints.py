"""``gap checkpoints``, ``gap materialise`` and ``gap export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gap.checkpoints.catalogue import Selection
from gap.cli.options import Options, packed_options, record_option, runtime_options
from gap.runtime.arithmetic import set_arithmetic, study_arithmetic
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime

PLAN = Annotated[Path | None, typer.Option(help="plan.json of a study; that of the study selected in params.yaml where not given.")]
SHOWN = ("id", "model", "method", "corpus", "text", "step", "digest", "distance", "dialogue", "classification", "all")


SELECTION: Options = {
    "model": (Annotated[str | None, typer.Option(help="Only this model.")], None),
    "method": (Annotated[str | None, typer.Option(help="Only this method.")], None),
    "corpus": (Annotated[str | None, typer.Option(help="Only this corpus.")], None),
    "text": (Annotated[int | None, typer.Option(help="Only this text.")], None),
    "step": (Annotated[int | None, typer.Option(help="Only this step.")], None),
    "last": (Annotated[bool, typer.Option("--last", help="Only the last step of each run.")], False),
}


@packed_options("selection", Selection, SELECTION)
def checkpoints(
    plan: PLAN = None,
    sort: Annotated[str | None, typer.Option(help="Highest first: dialogue, classification or all.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    *,
    selection: Selection,
) -> None:
    """List the checkpoints of a study: ids (for gap materialise), digests, distances and average scores."""
    import json

    from gap.checkpoints.catalogue import catalogue, filtered, ordered

    document = read_document(plan)
    found = ordered(filtered(catalogue(document), selection, document), sort)
    rows = [one.flat() for one in found[:limit]]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    cells = [SHOWN, *([_shown(row.get(name, "")) for name in SHOWN] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(SHOWN))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(f"{len(rows)} of {len(found)} checkpoints")


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@runtime_options("device", "threads", "devices", "memory")
def materialise(
    checkpoint: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a checkpoint (gap checkpoints), or a beginning that no other has.")
    ],
    out: Annotated[Path, typer.Option(help="The folder to fill; gap_recipe.json is written last.")],
    plan: PLAN = None,
    *,
    runtime: Runtime,
) -> None:
    """Rebuild any checkpoint as a normal Hugging Face folder (safetensors)."""
    from functools import partial

    document = read_document(plan)
    runtime = replace(runtime, arithmetic=study_arithmetic(document))  # as its run was computed
    set_arithmetic(runtime.arithmetic)

    from gap.checkpoints.catalogue import by_id, catalogue
    from gap.checkpoints.materialise import RECIPE
    from gap.checkpoints.materialise import materialise as run
    from gap.core.files import read_object

    work = partial(run, document, by_id(catalogue(document), checkpoint), out)
    launch(work, runtime)
    made = read_object(out / RECIPE)
    how = "the recorded bits" if made["weights"] == made["digest"] else f"within {made['replayed']['largest']:.2g} of the recorded run"
    print(
        f"{out}: {made['model']}, {made['method']}, {made['corpus']} {made['text']}, step {made['step']}; weights {made['weights']}, {how}"
    )


@record_option
@runtime_options()
def export(
    plan: Annotated[Path, typer.Option(help="plan.json of the study.")],
    model: Annotated[str, typer.Option(help="Name of the model in params.yaml.")],
    out: Annotated[Path, typer.Option(help="The folder to fill; gap_recipe.json is written last.")],
    *,
    runtime: Runtime,
) -> None:
    """Write the model's best checkpoint as a normal Hugging Face folder."""
    from functools import partial

    from gap.checkpoints.export import export as run

    launch(partial(run, read_document(plan), model, out), runtime)


def read_document(plan: Path | None) -> dict[str, Any]:
    """The content of plan.json.

    Raises
    ------
    BadInput: there is none, or the study runs no model.
    """
    from gap.cli.job import read_plan
    from gap.core.errors import BadInput
    from gap.params.load import load_study

    place = plan or Path("results") / load_study(Path("params.yaml")).name / "plan.json"
    document = read_plan(place)
    if "runs" not in document:
        raise BadInput(str(place), "a study without runs", "one that post-trains models", "Pass --plan of another study.")
    return document
