"""``gap score``: any causal language model on the tasks, without a study."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gap.cli.options import Options, packed_options, runtime_options
from gap.evaluate.any_model.settings import ScoreSettings
from gap.runtime.launch import launch
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    from gap.evaluate.any_model.report import Report, Unscored
    from gap.evaluate.any_model.scores import TaskScore
    from gap.evaluate.session import Session
    from gap.params.evaluate import EvaluateJob, ScoredTask
    from gap.params.items import Items

SETTINGS: Options = {
    "tasks": (
        Annotated[
            str | None, typer.Option(help="Names with commas between them; lm_eval:NAME for any of lm-eval's. Default: the paper's 12.")
        ],
        None,
    ),
    "items": (Annotated[int, typer.Option(help="Items per task, from the first.", min=1)], 320),
    "split": (Annotated[str | None, typer.Option(help="validation or test. Default: validation, where a task has it.")], None),
    "precision": (Annotated[str | None, typer.Option(help="fp32, bf16 or fp16. Default: fp16 on a GPU, fp32 on a CPU.")], None),
    "max_length": (
        Annotated[int, typer.Option(help="Tokens of context and continuation; longer contexts are cut from the left.", min=9)],
        512,
    ),
    "scorer": (Annotated[str, typer.Option(help="auto, plain (no fast paths), or lm-eval (its HF backend on the same items).")], "auto"),
    "source": (
        Annotated[
            str | None,
            typer.Option(
                "--from",
                help="Where items come from: miniature (shipped here), folder:PATH, or hub. Default: $GAP_MIRROR if set, else hub.",
            ),
        ],
        None,
    ),
}


@runtime_options("device", "threads", "devices", "arithmetic")
@packed_options("settings", ScoreSettings, SETTINGS)
def score(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Hugging Face folder, a GGUF file, or ID or ID@REVISION of a hub model.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the tables. Default: .gap/score/MODEL-DIGEST.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
    *,
    settings: ScoreSettings,
    runtime: Runtime,
) -> None:
    """Score any causal language model on the tasks; what an earlier call scored is not scored again."""
    from contextlib import redirect_stdout
    from functools import partial

    from gap.cli.job import with_code
    from gap.core.digest import digest
    from gap.evaluate.any_model.opened import opened_model
    from gap.evaluate.any_model.report import Report
    from gap.models.load import model_identity
    from gap.params.evaluate import EvaluateJob
    from gap.params.names import suggestion
    from gap.plan.kept_items import ROOT
    from gap.runtime.device import device_kind

    tasks, items, device = settings.scored_tasks(), settings.items_source(), device_kind(runtime.device)
    how = settings.evaluate(device)
    with redirect_stdout(sys.stderr):  # stdout is for the result
        folder = opened_model(model, ROOT / "models")
        identity = model_identity(folder)
        files, unscored = fetched(tasks, items)
    name = suggestion(str(folder.resolve())) or "model"
    job = EvaluateJob(model=name, method="", tasks=tasks, evaluate=how, items=how.items)
    key = digest([identity, how.identity(), settings.scorer, items.model_dump()])
    tables = (out or ROOT / f"{name}-{identity}") / f"{how.precision}-{settings.scorer}-{key}"
    source = f"folder:{items.path}" if items.kind == "folder" else items.kind
    report = Report(name, folder, identity, how, settings.scorer, source, device, tables, unscored=unscored)
    launch(partial(score_and_show, with_code(job, "gap.evaluate.job"), files, report, as_json=as_json), runtime)


def fetched(tasks: Sequence[ScoredTask], items: Items) -> tuple[dict[ScoredTask, Path], list[Unscored]]:
    """The items of each task (``gap.plan.kept_items``), and the tasks whose items cannot be had."""
    from gap.core.errors import GapError
    from gap.plan.fingerprints import Fingerprints
    from gap.plan.kept_items import kept_items

    files, unscored, fingerprints = {}, [], Fingerprints()
    for scored in tasks:
        try:
            files[scored] = kept_items(scored, items, fingerprints)
        except GapError as error:
            unscored.append((scored, error))
    return files, unscored


class _Model:
    """The model, loaded when a task first needs it, once for all tasks."""

    def __init__(self, load: Callable[[], Session]) -> None:
        self.load = load
        self.session: Session | None = None
        self.seconds = 0.0  # that loading took
        self.is_loading = False  # stays so where loading fails

    def __call__(self) -> Session:
        if self.session is None:
            started, self.is_loading = time.monotonic(), True
            self.session = self.load()
            self.seconds, self.is_loading = time.monotonic() - started, False
        return self.session


def score_and_show(job: EvaluateJob, files: Mapping[ScoredTask, Path], report: Report, runtime: Runtime, *, as_json: bool) -> None:
    """Score the tasks one after the other, so that each is kept once it is done, and print the report.

    Raises
    ------
    GapError: a task was not scored; the others are shown before.
    """
    import json
    from contextlib import redirect_stdout
    from dataclasses import replace

    from gap.evaluate.any_model import report as made
    from gap.runtime.process_group import is_first

    with redirect_stdout(sys.stderr):
        scores, unscored = scored_tasks(job, files, report, runtime)
    report = replace(report, scores=scores, unscored=[*report.unscored, *unscored])
    problems = made.problems(report)
    if is_first():
        if as_json:
            print(json.dumps(made.as_json(report), indent=2, allow_nan=False))
        elif report.scores:
            print("\n".join(made.lines(report)))
        for problem in problems[1:]:
            print(f"gap: {problem}", file=sys.stderr)
    if problems:
        raise problems[0]


def scored_tasks(
    job: EvaluateJob, files: Mapping[ScoredTask, Path], report: Report, runtime: Runtime
) -> tuple[list[TaskScore], list[Unscored]]:
    """The tasks' results, and the tasks that could not be scored."""
    from gap.core.errors import GapError
    from gap.evaluate.any_model.scores import task_score
    from gap.evaluate.job import RunFiles, TaskFiles, evaluate
    from gap.evaluate.session import Session

    model = _Model(lambda: Session(job, report.folder, runtime, report.scorer))
    scores, unscored = [], []
    for scored, path in files.items():
        table = report.tables / f"{scored.task.replace(':', '-')}-{scored.split}-{job.items}.parquet"
        before, loading, started = _modified(table), model.seconds, time.monotonic()
        pair = {(scored.task, scored.split): TaskFiles(path, table)}
        try:
            of_task = job.model_copy(update={"tasks": [scored]})
            evaluate(of_task, report.folder, pair, RunFiles(), runtime, report.scorer, open_session=model)
        except GapError as error:
            if model.is_loading:  # the model's own problem, not the task's
                raise
            unscored.append((scored, error))
            continue
        seconds = time.monotonic() - started - (model.seconds - loading)
        scores.append(task_score(scored, table, None if _modified(table) == before else seconds))
    return scores, unscored


def _modified(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None
