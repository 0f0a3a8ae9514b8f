"""``gap evaluate``, ``gap boundary``, ``gap noise-floor``, ``gap lm-eval-tasks`` and ``gap lm-eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from gap.cli.options import record_option, runtime_options
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime


@runtime_options()
def evaluate(
    job: Annotated[str, typer.Option(help="The job (EvaluateJob) as JSON, or @file.")],
    model: Annotated[Path, typer.Option(help="Folder of the base model, or a file in it.")],
    items: Annotated[list[str], typer.Option(help="TASK/SPLIT=FILE of fetched items (JSONL); one per task of the job.")],
    out: Annotated[list[str], typer.Option(help="TASK/SPLIT=FILE of the table to write; its provenance record goes beside it.")],
    corpus: Annotated[list[str], typer.Option(help="NAME=FILE of a corpus; may be repeated.")] = [],  # noqa: B006 - typer reads the default
    trajectories: Annotated[Path | None, typer.Option(help="Table of the shard's trajectories; without runs not needed.")] = None,
    scorer: Annotated[str, typer.Option(help="auto, plain (no fast paths), or lm-eval (its HF backend on the same items).")] = "auto",
    *,
    runtime: Runtime,
) -> None:
    """Score tasks on every step of a shard of runs, or on the unmodified model."""
    from functools import partial
    from typing import get_args

    from gap.cli.job import folder_of, item_files, named_files, read_job, with_code
    from gap.core.errors import BadInput
    from gap.evaluate.job import RunFiles, TaskFiles
    from gap.evaluate.job import evaluate as run
    from gap.params.evaluate import EvaluateJob, Scorer

    if scorer not in get_args(Scorer):
        raise BadInput("--scorer", repr(scorer), f"one of {list(get_args(Scorer))}", "Correct the name.")
    settings = with_code(read_job(job, EvaluateJob), "gap.evaluate.job")
    fetched, tables = item_files(items), item_files(out, "--out")
    files = {}
    for task, split in ((task.task, task.split) for task in settings.tasks):
        for option, paths in (("--items", fetched), ("--out", tables)):
            if split not in paths.get(task, {}):
                raise BadInput(
                    f"{option} {task}/{split}", "no such entry", "one for each task of the job", f"Add {option} {task}/{split}=FILE."
                )
        files[task, split] = TaskFiles(fetched[task][split], tables[task][split])
    run_files = RunFiles(named_files("--corpus", corpus), trajectories)
    launch(partial(run, settings, folder_of(model), files, run_files, scorer=cast("Scorer", scorer)), runtime)


def compare_scores(
    first: Annotated[Path, typer.Argument(help="A table of item scores.")],
    second: Annotated[Path, typer.Argument(help="Another one of the same runs, steps and items.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, with all differing items, as JSON.")] = False,
) -> None:
    """Say how two tables of item scores differ, item by item."""
    import json

    from gap.evaluate.checks.compare import compare_scores as compare

    found = compare(first, second)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        if name != "listed":
            print(f"{name:<26} {value:.3g}" if isinstance(value, float) else f"{name:<26} {value}")
    for row in found["listed"]:
        print(
            f"  {row['task']} {row['split']} item {row['item']}, run {row['run']} step {row['step']}: {row['prediction']} / {row['prediction_other']}"
        )


@record_option
def boundary(
    tokenizer: Annotated[list[str], typer.Option(help="NAME=FOLDER of a tokenizer, or its tokenizer.json; may be repeated.")],
    items: Annotated[list[str], typer.Option(help="TASK=FILE or TASK/SPLIT=FILE; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    limit: Annotated[int, typer.Option(help="Items per task, from the first that the protocol keeps.", min=1)] = 320,
) -> None:
    """List items whose tokens differ when context and continuation are encoded together, as lm-eval does."""
    from gap.cli.job import folder_of, item_files, named_files
    from gap.evaluate.checks.boundary import boundary_report

    folders = {name: folder_of(path) for name, path in named_files("--tokenizer", tokenizer).items()}
    boundary_report(folders, item_files(items), limit, out)


@record_option
@runtime_options("device", "threads", "devices", "arithmetic")
def noise_floor(
    settings: Annotated[str, typer.Option(help="How items are scored (Evaluate) as JSON, or @file.")],
    model: Annotated[list[str], typer.Option(help="NAME=FOLDER of a base model, or a file in it; may be repeated.")],
    items: Annotated[list[str], typer.Option(help="TASK=FILE or TASK/SPLIT=FILE; may be repeated.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
    plain: Annotated[list[str], typer.Option(help="NAME of a model that is scored without fast paths; may be repeated.")] = [],  # noqa: B006 - typer reads the default
    *,
    runtime: Runtime,
) -> None:
    """Count items whose prediction depends on batch shape, dtype or kernel, and ties: the noise floor of each task."""
    from functools import partial

    from gap.cli.job import folder_of, item_files, named_files, read_job
    from gap.evaluate.checks.noise_floor import noise_report
    from gap.params.evaluate import Evaluate

    folders = {name: folder_of(path) for name, path in named_files("--model", model).items()}
    launch(partial(noise_report, folders, item_files(items), read_job(settings, Evaluate), out, plain=plain), runtime)


def lm_eval_tasks(
    items: Annotated[list[str], typer.Option(help="TASK/SPLIT=FILE of fetched items; may be repeated.")],
    out: Annotated[Path, typer.Option(help="Folder to write, for lm_eval --include_path.")],
    limit: Annotated[int, typer.Option(help="Items per task, from the first that the protocol keeps.", min=1)] = 320,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the model to score: the commands then hold for it, whatever its tokenizer.")
    ] = None,
) -> None:
    """Write the tasks as a folder for lm-eval, with their items, and print the commands that run them."""
    from gap.cli.job import named_files
    from gap.tasks.export import commands, export_tasks

    names, arguments = export_tasks(named_files("--items", items), limit, out), None
    if model is not None:
        from gap.evaluate.lm_eval.arguments import model_arguments

        arguments = model_arguments(model, out)
    for line in commands(names, out, arguments):
        print(line)


def lm_eval(context: typer.Context) -> None:
    """lm-eval's own command line, with our scorer as one more model: --model gap."""
    import sys

    from gap.evaluate.lm_eval.model import main

    sys.argv = ["lm_eval", *context.args]
    main()
