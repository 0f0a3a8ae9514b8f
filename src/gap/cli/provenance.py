"""``gap provenance`` and ``gap crate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gap.cli.results import STUDY


def provenance(
    file: Annotated[Path, typer.Argument(help="A file of a finished study, or the folder of a model or checkpoint.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with all that is on record.")] = False,
) -> None:
    """Print what a result was made from: the chain of jobs back to texts, models and items. Exit code 4: a file is not what its record says."""
    import json

    from gap.provenance.chain import chain
    from gap.provenance.tree import tree_lines

    found = chain(file)
    print(json.dumps(found.as_json(), indent=2, ensure_ascii=False, allow_nan=False) if as_json else "\n".join(tree_lines(found)))
