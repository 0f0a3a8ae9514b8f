"""``gap``: entry point; turns known problems into one paragraph and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

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
    planning,
    posttrain,
    project,
    published,
    results,
    score,
)
from gap.runtime.exit_codes import exit_code
from gap.runtime.running import VARIABLE, announce

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


def inputs(params: project.PARAMS = Path("params.yaml")) -> None:
    """Write results/STUDY/inputs.json: the digest of every file that the selected study reads from outside (DVC depends on it)."""
    from gap.params.load import read_params
    from gap.plan.graph import build_graph
    from gap.runtime.running import check_alone

    graph = build_graph(read_params(params))
    check_alone(graph.plan.study.name)  # DVC runs this first, and would delete a run's outputs next
    graph.save_inputs()


COMMANDS: dict[str, Callable[..., None]] = {
    "fetch-items": fetch.fetch_items,
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
    "aggregate": light.command("gap.aggregate.stage:aggregate", "Write tidy tables, estimates, metrics and plot data."),
    "estimate": light.command("gap.estimate.stage:estimate", "Write estimates with intervals, and verdicts on the paper's claims."),
    "rescore": results.rescore,
    "verify": results.verify,
    "tables": light.command("gap.figures.stage:tables", "Write the tables of the study as CSV, Markdown and LaTeX."),
    "figures": light.command("gap.figures.stage:figures", "Draw every figure of the study as PDF and PNG."),
    "report": light.command("gap.report.stage:report", "Write the self-contained page of the study."),
    "published": light.command("gap.published.stage:published", "Redraw and audit the authors' released results."),
    "checkpoints": checkpoints.checkpoints,
    "materialise": checkpoints.materialise,
    "export": checkpoints.export,
    "fetch-upstream": published.fetch_upstream,
    "published-docs": published.published_docs,
    "plan": planning.plan,
    "doctor": planning.doctor,
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
    if study := os.environ.get(VARIABLE):
        announce(study, f"gap {' '.join(sys.argv[1:2])}")
    try:
        sys.exit(exit_code(app))
    except KeyboardInterrupt:
        print("gap: interrupted; finished work is kept, the same command goes on from there.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
