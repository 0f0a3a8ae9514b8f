"""``gap``: entry point; turns known problems into one paragraph and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from gap.cli import aggregate, checkpoints, corpora, describe, evaluate, fetch, figures, models, posttrain, project, published, report
from gap.runtime.exit_codes import code_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

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
    "aggregate": aggregate.aggregate,
    "tables": figures.tables,
    "figures": figures.figures,
    "checkpoints": checkpoints.checkpoints,
    "materialise": checkpoints.materialise,
    "export": checkpoints.export,
    "report": report.report,
    "fetch-upstream": published.fetch_upstream,
    "published": published.published,
    "published-docs": published.published_docs,
    "where": project.where,
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
    try:
        sys.exit(code_of(app))
    except KeyboardInterrupt:
        print("gap: interrupted; finished work is kept, the same command goes on from there.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
