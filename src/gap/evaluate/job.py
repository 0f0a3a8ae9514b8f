"""One job of evaluation: one model, the steps of a shard of runs, several tasks.

Checkpoints are recipes: the base weights stay resident, each run is replayed once, update by update, and every real step
(or those of ``evaluate.steps``) is scored on all tasks while its weights are in the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gap.core.checksums import known_digest, record_of
from gap.core.digest import digest
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.progress import Progress, progress
from gap.core.tables import TABLES, read_table
from gap.evaluate.encoding.item_chunks import chunk_size, item_chunks
from gap.evaluate.item_scores import ChunkKey, complete_chunks
from gap.models.load import model_identity
from gap.models.pairs import spells_alike
from gap.models.text import read_texts, texts_identity
from gap.models.tokenizer import opening_id
from gap.params.evaluate import EvaluateJob, ScoredTask, Scorer
from gap.params.runs import BASE, RunId
from gap.runtime.journal import Journal
from gap.runtime.process_group import broadcast_from_first
from gap.runtime.runtime import Runtime
from gap.tasks.items import load_items

if TYPE_CHECKING:
    from gap.evaluate.session import Session, TaskScorer

TABLE = "item_scores"
#: Steps of each run that are scored, by the run's digest.
Steps = dict[str, set[int]]


@dataclass(frozen=True)
class TaskFiles:
    """The fetched items of a task's split (JSONL), and the table of their scores."""

    items: Path
    scores: Path


@dataclass(frozen=True)
class RunFiles:
    """What runs are replayed from: corpus name -> its table ``texts``, and the shard's trajectories."""

    corpora: dict[str, Path] = field(default_factory=dict)
    trajectories: Path | None = None


def evaluate(
    job: EvaluateJob,
    model: Path,
    files: Mapping[tuple[str, str], TaskFiles],
    run_files: RunFiles,
    runtime: Runtime,
    scorer: Scorer = "auto",
    open_session: Callable[[], Session] | None = None,
) -> None:
    """Write table ``item_scores`` of each task and split, and ``<stem>.provenance.json`` beside it.

    Runs are scored at their real steps as the trajectories record them, all or those of ``evaluate.steps``; the pseudo-run ``base``, or a job without runs,
    is the unmodified model (step 0).  A table that is there for the same settings and items stays; of others, finished runs are
    kept in the journal, and what the tables of the folder hold of the same runs is reused by complete item chunks and steps.
    Runs are the same where weights, method, texts, settings, scorer and code are.

    Parameters
    ----------
    model: the base model's folder, tokenizer included.
    files: (task, split) -> files, of all tasks of the job.
    scorer: scores by another one are not reused.
    open_session: gives the loaded model when something is left to score; for callers with several jobs on one model, which is
        loaded once.

    Raises
    ------
    BadInput: items that do not fit the task, runs without trajectories, texts or method, a model that is too short.
    Refused: a replayed checkpoint is not the recorded one.
    """
    expected = read_expected(job, run_files.trajectories)
    runs = list(job.runs) or [BASE]
    steps = {run.run: {0} if run == BASE else real_steps(expected[run.run], job.evaluate.steps) for run in runs}
    texts = read_texts([run for run in job.runs if run != BASE], run_files.corpora)
    identities = run_identities(job, model, texts, expected, scorer)
    tables = [_Table(job, task, files[task.task, task.split], steps, identities) for task in job.tasks]
    done = [table for table in tables if table.is_done()]
    for table in done:
        table.journal.discard()  # of a job that was killed between this table and the next
    tables = [table for table in tables if table not in done]
    if not tables:
        return
    names = [table.task.task for table in tables]
    listed = ", ".join(names) if len(names) <= 2 else f"{len(names)} tasks"
    shard = _Shard(job, texts, scorer, open_session or partial(_load_session, job, model, runtime, scorer))
    with progress(f"evaluate {job.model} on {listed}", sum(map(len, steps.values()))) as shown:
        for run in runs:
            shard.score(run, expected.get(run.run), tables, shown)
    for table in tables:
        table.write(runs, {"threads": runtime.threads, **shard.facts(table.task)})


def run_identities(
    job: EvaluateJob, model: Path, texts: Mapping[tuple[str, int], str], expected: Mapping[str, pd.DataFrame], scorer: Scorer
) -> dict[str, str]:
    """Run -> digest of what determines its scores beside the items: the model's files, how items are scored, how it was made.

    The digest of its first checkpoint is part of it, for that differs where the arithmetic does.
    """
    modules = job.settings.modules if job.settings else []
    code = {unit: version for unit, version in job.code.items() if unit not in modules}
    scored = [model_identity(model), job.evaluate.identity(), scorer, code]
    method = [job.settings.identity(), job.code] if job.settings else []
    made: dict[str, Any] = {BASE.run: []}
    for run in job.runs:
        if run != BASE:
            made[run.run] = [method, *texts_identity(run, texts), first_digest(expected[run.run])]
    return {run.run: digest([scored, made[run.run]], 24) for run in job.runs or [BASE]}


class _Table:
    """One task's table while it fills."""

    def __init__(self, job: EvaluateJob, task: ScoredTask, files: TaskFiles, steps: Steps, identities: dict[str, str]) -> None:
        self.job, self.task, self.files, self.steps = job, task, files, steps
        self.items = load_items(task.task, files.items, job.items)
        self.digest = known_digest(files.items)
        of_task = {run: digest([identity, task.task, task.split], 24) for run, identity in identities.items()}
        self.journal = Journal(files.scores, TABLE, of_task, counts=_counts(job, self.digest))
        self.finished: dict[str, pd.DataFrame] = {}  # rows by run

    @property
    def settings(self) -> dict[str, Any]:
        """What the provenance record says that the table was made for."""
        job = self.job.model_dump(mode="json")
        return {**{name: value for name, value in job.items() if name != "tasks"}, **self.task.model_dump()}

    def is_done(self) -> bool:
        """Whether the table is there, for these settings and items: Snakemake runs a job again for a table that another task lacks."""
        return broadcast_from_first(self._is_recorded) and self.journal.is_finished()

    def _is_recorded(self) -> bool:
        try:
            record = read_json(record_of(self.files.scores))
            return bool((record["settings"], record["inputs"]["items"]) == (self.settings, self.digest))
        except (BadInput, KeyError, TypeError):
            return False

    @cached_property
    def known(self) -> dict[ChunkKey, pd.DataFrame]:
        """What the finished files beside the output hold of the planned steps."""
        return complete_chunks(self.journal.siblings(), [item.hash for item in self.items], self.steps, chunk_size(self.items))

    def missing(self, run: RunId) -> dict[int, list[int]]:
        """Numbers of the item chunks that are to be scored at each step; none where the run is finished."""
        rows = self.journal.get(run.run)
        if rows is not None:
            self.finished[run.run] = rows
            return {}
        count = len(item_chunks(self.items))
        left = {step: [chunk for chunk in range(count) if (run.run, step, chunk) not in self.known] for step in sorted(self.steps[run.run])}
        return {step: chunks for step, chunks in left.items() if chunks}

    def finish(self, run: RunId, names: dict[str, Any], scored: dict[tuple[int, int], pd.DataFrame]) -> None:
        """Put a run together, in the order of step and item, from what was (step, chunk) scored and what was known; keep it."""
        if run.run in self.finished:
            return
        known = {(step, chunk): rows.assign(**names) for (name, step, chunk), rows in self.known.items() if name == run.run}
        parts = known | scored
        count = len(item_chunks(self.items))
        ordered = [parts[step, chunk] for step in sorted(self.steps[run.run]) for chunk in range(count)]
        self.finished[run.run] = rows = _concatenate(ordered)
        if not rows.empty:
            self.journal.add(run.run, rows)

    def write(self, runs: list[RunId], facts: dict[str, Any]) -> None:
        """Write the table and its record."""
        frames = [rows for run in runs if not (rows := self.finished[run.run]).empty]
        reused = len(vars(self).get("known", ()))  # none where nobody asked for them
        inputs = {"items": self.digest, "reused_chunks": reused, **facts}
        self.journal.finish(_concatenate(frames), "evaluate", self.settings, inputs=inputs)


def _counts(job: EvaluateJob, items: str) -> list[Any]:
    """How much a finished run holds, ``items`` being their digest: updates, items, and where not all steps are scored, which."""
    return [job.updates, items, job.items, *([job.evaluate.steps] if job.evaluate.steps else [])]


def _concatenate(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows; an empty table where no run has a real step."""
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({column: [] for column in TABLES[TABLE]})


def read_expected(job: EvaluateJob, trajectories: Path | None) -> dict[str, pd.DataFrame]:
    """The trajectory of each run, up to the job's number of updates.

    Raises
    ------
    BadInput: no method or no file is given, a run is not in it, or it was stopped earlier without diverging.
    """
    runs = [run for run in job.runs if run != BASE]
    if not runs:
        return {}
    if trajectories is None or job.settings is None:
        lacking = "their method" if job.settings is None else "trajectories"
        raise BadInput("evaluate", f"runs without {lacking}", "both", "Pass --trajectories and a job with settings.")
    table = read_table(trajectories, "trajectories", filters=[("run", "in", [run.run for run in runs])])
    by_run = {str(name): rows.sort_values("epoch") for name, rows in table.groupby("run")}
    for run in runs:
        rows = by_run.get(run.run)
        if rows is None or (rows["epoch"].max() < job.updates and not rows["diverged"].any()):
            held = "no row" if rows is None else f"{rows['epoch'].max()} updates"
            raise BadInput(f"{trajectories}, run {run.run}", held, f"{job.updates} updates", "Post-train this shard first.")
    return {name: rows[rows["epoch"] <= job.updates] for name, rows in by_run.items()}


def real_steps(rows: pd.DataFrame, listed: Sequence[int] = ()) -> set[int]:
    """The ``listed`` ones (all where none is) of the steps whose weights differ from the step before: skipped and diverged updates have
    no checkpoint of their own.
    """
    real = {int(step) for step in rows.loc[rows["real"], "step"]}
    return real & set(listed) if listed else real


def rows_up_to(rows: pd.DataFrame, step: int) -> pd.DataFrame:
    """A trajectory as far as the update that reached ``step``."""
    return rows[rows["epoch"] <= rows.loc[rows["step"] >= step, "epoch"].min()]


def first_digest(rows: pd.DataFrame) -> str:
    """Digest of a run's first checkpoint as its trajectory records it; empty where there is none."""
    return next(iter(rows.loc[rows["real"], "digest"]), "")


def _load_session(job: EvaluateJob, folder: Path, runtime: Runtime, scorer: Scorer) -> Session:
    from gap.evaluate.session import Session

    return Session(job, folder, runtime, scorer)


class _Shard:
    """What the runs of a job share; the model is loaded only when something is left to score."""

    def __init__(self, job: EvaluateJob, texts: dict[tuple[str, int], str], scorer: Scorer, open_session: Callable[[], Session]) -> None:
        self.job, self.texts, self.scorer, self.open_session = job, texts, scorer, open_session
        self.opened: Session | None = None
        self.scorers: dict[ScoredTask, TaskScorer] = {}

    def facts(self, task: ScoredTask) -> dict[str, Any]:
        """For a table's provenance record: device, scorer, how the task's items went through the model (and why not through the
        head alone, as trees, or without what was dropped), and what the job's replays of its runs found.
        """
        if self.opened is None or task not in self.scorers:
            return {"scorer": self.scorer, "device": "not needed"}
        session, task_scorer = self.opened, self.scorers[task]
        return {
            "scorer": self.scorer,
            "device": session.device,
            "head": session.base_network.reason,
            "layout": f"{task_scorer.layout}: {task_scorer.reason}" if task_scorer.reason else task_scorer.layout,
            "kernel": task_scorer.kernel,
            "opening": session.tokenizer.convert_ids_to_tokens(opening_id(session.tokenizer)),
            "continuations": "encoded by themselves" if spells_alike(session.tokenizer) else "encoded with their contexts",
            "dropped": session.network.dropped,
            "replayed": dataclasses.asdict(session.check),
        }

    def session(self) -> Session:
        """The loaded model."""
        if self.opened is None:
            self.opened = self.open_session()
        return self.opened

    def task_scorer(self, table: _Table) -> TaskScorer:
        """The table's items, encoded for the model."""
        if table.task not in self.scorers:
            from gap.evaluate.session import TaskScorer

            self.scorers[table.task] = TaskScorer(self.session(), table.items)
        return self.scorers[table.task]

    def score(self, run: RunId, expected: pd.DataFrame | None, tables: list[_Table], shown: Progress) -> None:
        """Score a run on all tables, each at the steps that it lacks; the run is replayed once at most."""
        method = "" if run == BASE else self.job.method
        names: dict[str, Any] = {"model": self.job.model, "method": method, "corpus": run.corpus, "text": run.text, "run": run.run}
        missing = [table.missing(run) for table in tables]
        scored: list[dict[tuple[int, int], pd.DataFrame]] = [{} for _ in tables]
        steps = {step for left in missing for step in left}
        for step in self._checkpoints(run, steps, expected):
            for table, left, rows_of in zip(tables, missing, scored, strict=True):
                columns = names | {"step": step} | table.task.model_dump()
                for chunk, rows in self.task_scorer(table).score(left[step], columns) if step in left else ():
                    rows_of[step, chunk] = rows
            shown.step(note="" if run == BASE else f"{run.corpus} {run.text}, step {step}")
        shown.step(len(tables[0].steps[run.run]) - len(steps))
        for table, rows_of in zip(tables, scored, strict=True):
            table.finish(run, names, rows_of)

    def _checkpoints(self, run: RunId, steps: set[int], expected: pd.DataFrame | None) -> Iterator[int]:
        """Bring the model to each of the steps in turn; the replay ends at the last."""
        if not steps:
            return
        session = self.session()
        if expected is None:
            session.base()
            yield 0
            return
        for step in session.replay(run, self.texts, rows_up_to(expected, max(steps))):
            if step in steps:
                yield step
