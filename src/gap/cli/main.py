"""``gap``: entry point; turns known problems into one paragraph and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gap.cli import (
    checkpoints,
    clean,
    corpora,
    describe,
    evaluate,
    fetch,
    light,
    models,
    paper,
    planning,
    posttrain,
    project,
    published,
    results,
    score,
)
from gap.core.errors import BadInput
from gap.core.unicode import is_utf8
from gap.runtime.exit_codes import exit_code, say_unknown
from gap.runtime.running import VARIABLE, announce

HELP = "The work of each rule of the workflow, and questions to its results (docs/operations.md has the commands)."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def inputs(params: project.PARAMS = Path("params.yaml")) -> None:
    """Write results/STUDY/inputs.json: the digest of every file that the selected study reads from outside (DVC depends on it)."""
    from gap.params.load import read_params
    from gap.plan.graph import build_graph
    from gap.runtime.running import check_alone

    graph = build_graph(read_params(params))
    check_alone(graph.plan.study.name)  # DVC runs this first, and would delete a run's outputs next
    graph.save_inputs()


def plan(
    study: results.STUDY = "",
    everything: Annotated[bool, typer.Option("--all", help="All jobs, also those whose outputs are here.")] = False,
    against_run: Annotated[
        bool, typer.Option("--against-run", help="After a run: planned, without its own timing files, and measured.")
    ] = False,
    as_json: JSON = False,
    params: project.PARAMS = Path("params.yaml"),
) -> None:
    """Estimate what a study costs here before it is run: jobs, hours, disk, download and memory per stage."""
    from gap.params.load import read_params
    from gap.plan.code import remember
    from gap.plan.cost import estimate
    from gap.plan.graph import open_graph

    graph = open_graph({**read_params(params), **({"study": study} if study else {})})
    remember()  # so that the next start reads the digests of the code
    if against_run:
        compared = estimate.compared(graph)
        print_either(planning.comparison_lines(compared), estimate.as_json(compared), as_json=as_json)
    else:
        rows = estimate.planned(graph, everything=everything)
        print_either(planning.plan_lines(graph.plan.study.name, rows), estimate.as_json(rows), as_json=as_json)


def doctor(
    study: results.STUDY = "",
    network: Annotated[bool, typer.Option("--network", help="Ask the hub whether it answers.")] = False,
    as_json: JSON = False,
    params: project.PARAMS = Path("params.yaml"),
) -> None:
    """Check what this machine can run. Exit code 0: nothing fails, 1: something does; a failing line ends with what mends it."""
    from dataclasses import asdict

    from gap.params.load import load_study
    from gap.plan.doctor import checks

    done = checks(load_study(params, {"study": study} if study else None), network=network)
    print_either(planning.check_lines(done), [asdict(check) for check in done], as_json=as_json)
    if any(check.state == "failing" for check in done):
        raise typer.Exit(1)


def provenance(
    file: Annotated[Path, typer.Argument(help="A file of a finished study, or the folder of a model or checkpoint.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with all that is on record.")] = False,
    params: project.PARAMS = Path("params.yaml"),
) -> None:
    """Print what a result was made from: its jobs, back to texts, models and items. Exit code 4: a file is not what its record says."""
    import json

    from gap.plan.graph import read_document
    from gap.provenance.chain import chain, of_study
    from gap.provenance.tree import tree_lines

    name, study = of_study(file)
    found = chain(name, read_document(study, params))
    print(json.dumps(found.as_json(), indent=2, ensure_ascii=False, allow_nan=False) if as_json else "\n".join(tree_lines(found)))


def crate(
    study: Annotated[str, typer.Argument(help="A finished study.")],
    out: Annotated[Path, typer.Option(help="The folder to write, new or empty.")],
    largest: Annotated[
        float, typer.Option(help="MB of a file that is still copied; larger ones are named by their SHA-256.", min=0)
    ] = 10.0,
    agent: Annotated[str, typer.Option(help="Who ran the study; nobody is named where it is left out.")] = "",
    params: project.PARAMS = Path("params.yaml"),
) -> None:
    """Write a finished study as a Workflow Run RO-Crate: workflow, parameters, inputs, jobs, results, figures, software, licences."""
    from gap.plan.graph import read_document
    from gap.provenance.crate import write_crate

    made = write_crate(read_document(study, params), out, largest * 1e6, agent)
    print(f"{out}: {made.copied} files, and {made.named} larger ones by their digests")


def print_either(lines: list[str], entries: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print lines for people, or one JSON list."""
    import json

    print(json.dumps(entries, indent=2, allow_nan=False) if as_json else "\n".join(lines))


COMMANDS: dict[str, Callable[..., None]] = {
    "fetch-items": fetch.fetch_items,
    "lock-fetched": fetch.lock_fetched,
    "compare-scores": evaluate.compare_scores,
    "boundary": evaluate.boundary,
    "noise-floor": evaluate.noise_floor,
    "lm-eval-tasks": evaluate.lm_eval_tasks,
    "corpus": corpora.corpus,
    "overlap": corpora.overlap,
    "tokenizer": models.tokenizer,
    "model": models.model,
    "describe": describe.describe,
    "post-train": posttrain.post_train,
    "evaluate": evaluate.evaluate,
    "score": score.score,
    **light.commands(),
    "rescore": results.rescore,
    "statistics": results.statistics,
    "verify": results.verify,
    "provenance": provenance,
    "crate": crate,
    "checkpoints": checkpoints.checkpoints,
    "materialise": checkpoints.materialise,
    "export": checkpoints.export,
    "fetch-upstream": published.fetch_upstream,
    "published-docs": published.published_docs,
    "paper-numbers": paper.paper_numbers,
    "page-numbers": paper.page_numbers,
    "plan": plan,
    "doctor": doctor,
    "where": project.where,
    "inputs": inputs,
    "clean": clean.clean,
    "schema": project.schema,
    "tables-doc": project.tables_doc,
    "lock-code": project.lock_code,
}
for name, function in COMMANDS.items():
    app.command(name)(function)
# everything behind it is lm-eval's
app.command("lm-eval", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(evaluate.lm_eval)


def main() -> None:
    """Run the command line; known problems exit with their own code (2 bad input, 3 unavailable, 4 refused)."""
    sys.excepthook = say_unknown
    try:
        sys.exit(exit_code(run))
    except KeyboardInterrupt:
        print("gap: interrupted; finished work is kept, the same command goes on from there.", file=sys.stderr)
        sys.exit(130)


def run() -> None:
    """Run the command that this process was started for.

    Raises
    ------
    BadInput: an argument is not UTF-8, which no record of a result could hold.
    """
    for argument in sys.argv[1:]:
        if not is_utf8(argument):
            where = f"argument {os.fsencode(argument)!r}"
            raise BadInput(where, "not UTF-8", "UTF-8 text", "Rename the file, or correct the argument.")
    if study := os.environ.get(VARIABLE):
        announce(study, f"gap {' '.join(sys.argv[1:2])}")
    app()


if __name__ == "__main__":
    main()
