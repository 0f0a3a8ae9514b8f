"""Commands for people: where things are, the JSON schema, the code lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PARAMS = Annotated[Path, typer.Option(help="The parameters file.")]


def where(params: PARAMS = Path("params.yaml")) -> None:
    """Print where the selected study's figures, tables and report are."""
    from gap.params.load import load_study
    from gap.params.published import PublishedStudy

    study = load_study(params)
    print(f"study    {study.name}: {study.title}")
    places = {
        "figures": f"figures/{study.name}/",
        "tables": f"results/{study.name}/tables/",
        "metrics": f"results/{study.name}/metrics.json",
        "models": f"checkpoints/{study.name}/",
        "report": f"results/{study.name}/report.html",
    }
    if isinstance(study, PublishedStudy):
        del places["models"]
    for label, place in places.items():
        print(f"{label:<8} {place}{'' if Path(place).exists() else '   (not made yet)'}")


def schema(out: Annotated[Path, typer.Option(help="Where to write it.")] = Path("docs/params.schema.json")) -> None:
    """Write the JSON schema of params.yaml (editors complete and check with it)."""
    from gap.core.files import write_json
    from gap.params.json_schema import params_schema

    write_json(out, params_schema())


def lock_code(
    new_results: Annotated[
        bool,
        typer.Option(
            "--new-results/--same-results",
            help="Whether the change can alter results: new keys, everything after it runs again; or same results: keys stay.",
        ),
    ],
) -> None:
    """Record the present code of all stages in code.lock.json."""
    from gap.plan.code import lock_code as lock
    from gap.plan.stages import units

    changed = lock(units(), new_results=new_results)
    print(f"{'raised' if new_results else 'kept'} the version of: {', '.join(changed) or 'nothing, no stage has changed'}")
