"""One job of evaluation: one model, every step of a shard of runs, several tasks.

Checkpoints are recipes: the base weights stay resident, each run is replayed once, update by update, and every real step is
scored on all tasks while its weights are in the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.progress import Progress, progress
from gap.core.tables import TABLES, read_table
from gap.evaluate.encoding.item_chunks import chunk_size, item_chunks
from gap.evaluate.item_scores import ChunkKey, complete_chunks
from gap.params.evaluate import EvaluateJob, ScoredTask, Scorer
from gap.params.runs import BASE, RunId
from gap.runtime.journal import Journal
from gap.runtime.process_group import broadcast_from_first
from gap.runtime.provenance import write_provenance
from gap.runtime.runtime import Runtime
from gap.tasks.items import load_items

if TYPE_CHECKING:
    from gap.evaluate.session import Session, TaskScorer

TABLE = "item_scores"
#: Real steps of each run, by the run's digest.
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
) -> None:
    """Write table ``item_scores`` of each task and split, and ``<stem>.provenance.json`` beside it.

    Runs are scored at their real steps 1, 2, ... as the trajectories record them; the pseudo-run ``base``, or a job without runs,
    is the unmodified model (step 0).  A table that is there for the same settings and items stays; of others, finished runs are
    kept in the journal, and what the files of the folder hold of the same runs is reused by complete item chunks and steps.

    Parameters
    ----------
    model: the base model's folder, tokenizer included.
    files: (task, split) -> files, of all tasks of the job.
    scorer: files of another scorer are not reused.

    Raises
    ------
    BadInput: items that do not fit the task, runs without trajectories, texts or method, a model that is too short.
    Refused: a replayed checkpoint is not the recorded one.
    """
    expected = read_expected(job, run_files.trajectories)
    runs = list(job.runs) or [BASE]
    steps = {run.run: {0} if run == BASE else real_steps(expected[run.run]) for run in runs}
    tables = [_Table(job, task, files[task.task, task.split], steps, scorer) for task in job.tasks]
    tables = [table for table in tables if not broadcast_from_first(table.is_done)]
    names = [table.task.task for table in tables]
    listed = ", ".join(names) if len(names) <= 2 else f"{len(names)} tasks"
    shard = _Shard(job, model, run_files, runtime, scorer)
    with progress(f"evaluate {job.model} on {listed}", sum(map(len, steps.values())) if tables else 0) as shown:
        for run in runs:
            shard.score(run, expected.get(run.run), tables, shown)
    for table in tables:
        table.write(runs, {"threads": runtime.threads, **shard.facts(table.task)})


class _Table:
    """One task's table while it fills."""

    def __init__(self, job: EvaluateJob, task: ScoredTask, files: TaskFiles, steps: Steps, scorer: Scorer) -> None:
        self.job, self.task, self.files, self.steps, self.scorer = job, task, files, steps, scorer
        self.items = load_items(task.task, files.items, job.items)
        self.digest = file_digest(files.items)
        self.journal = Journal(files.scores, TABLE)
        self.finished: dict[str, pd.DataFrame] = {}  # rows by run

    @property
    def settings(self) -> dict[str, Any]:
        """What the provenance record says that the table was made for."""
        job = self.job.model_dump(mode="json")
        return {**{name: value for name, value in job.items() if name != "tasks"}, **self.task.model_dump()}

    def is_done(self) -> bool:
        """Whether the table is there, for these settings and items: Snakemake runs a job again for a table that another task lacks."""
        try:
            record = read_json(record_of(self.files.scores))
            same = (record["settings"], record["inputs"]["items"], record["inputs"].get("scorer"))
        except (BadInput, KeyError, TypeError, AttributeError):
            return False
        return self.files.scores.exists() and same == (self.settings, self.digest, self.scorer)

    @cached_property
    def known(self) -> dict[ChunkKey, pd.DataFrame]:
        """What the finished files beside the output hold of the planned steps."""
        rows = self.journal.siblings(list(self.steps), lambda path: may_hold(path, set(self.steps), self.scorer))
        return complete_chunks(rows, [item.hash for item in self.items], self.steps, chunk_size(self.items))

    def unit(self, run: RunId) -> str:
        """The run's name in the journal."""
        return f"{run.run}-{self.job.updates}-{self.job.items}" + (f"-{self.scorer}" if self.scorer != "auto" else "")

    def missing(self, run: RunId) -> dict[int, list[int]]:
        """Numbers of the item chunks that are to be scored at each step; none where the run is finished."""
        rows = self.journal.get(self.unit(run))
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
            self.journal.add(self.unit(run), rows)

    def write(self, runs: list[RunId], facts: dict[str, Any]) -> None:
        """Write the table and its record."""
        frames = [rows for run in runs if not (rows := self.finished[run.run]).empty]
        self.journal.finish(_concatenate(frames))
        reused = len(vars(self).get("known", ()))  # none where nobody asked for them
        inputs = {"items": self.digest, "reused_chunks": reused, **facts}
        write_provenance(record_of(self.files.scores), "evaluate", self.settings, inputs=inputs)


def _concatenate(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows; an empty table where no run has a real step."""
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({column: [] for column in TABLES[TABLE]})


def record_of(table: Path) -> Path:
    """The provenance record of a table of scores."""
    return table.with_name(f"{table.stem}.provenance.json")


def may_hold(table: Path, runs: set[str], scorer: Scorer) -> bool:
    """Whether a finished file can hold rows of these runs by this scorer, as the provenance record beside it says.

    Reading a record takes a fiftieth of looking through its table.  A file without one may hold anything, by scorer auto.
    """
    try:
        record = read_json(record_of(table))
        by = str(record["inputs"].get("scorer", "auto"))
        held = {str(run["run"]) for run in record["settings"]["runs"]} or {BASE.run}
    except (BadInput, KeyError, TypeError, AttributeError):
        return scorer == "auto"
    return by == scorer and not held.isdisjoint(runs)


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


def real_steps(rows: pd.DataFrame) -> set[int]:
    """Steps whose weights differ from the step before: skipped and diverged updates have no checkpoint of their own."""
    return {int(step) for step in rows.loc[rows["real"], "step"]}


class _Shard:
    """What the runs of a job share; the model is loaded only when something is left to score."""

    def __init__(self, job: EvaluateJob, folder: Path, run_files: RunFiles, runtime: Runtime, scorer: Scorer) -> None:
        self.job, self.folder, self.run_files, self.runtime, self.scorer = job, folder, run_files, runtime, scorer
        self.opened: Session | None = None
        self.scorers: dict[ScoredTask, TaskScorer] = {}
        self.texts: dict[tuple[str, int], str] = {}

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
            "dropped": session.network.dropped,
            "replayed": dataclasses.asdict(session.check),
        }

    def session(self) -> Session:
        """The loaded model."""
        if self.opened is None:
            from gap.evaluate.session import Session
            from gap.models.text import read_texts

            self.texts = read_texts([run for run in self.job.runs if run != BASE], self.run_files.corpora)
            self.opened = Session(self.job, self.folder, self.runtime, self.scorer)
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
            shown.step(note=f"{run.corpus} {run.text}, step {step}".lstrip())
        if tables:
            shown.step(len(tables[0].steps[run.run]) - len(steps))
        for table, rows_of in zip(tables, scored, strict=True):
            table.finish(run, names, rows_of)

    def _checkpoints(self, run: RunId, steps: set[int], expected: pd.DataFrame | None) -> Iterator[int]:
        """Bring the model to each of the steps in turn."""
        if not steps:
            return
        session = self.session()
        if expected is None:
            session.base()
            yield 0
            return
        for step in session.replay(run, self.texts, expected):
            if step in steps:
                yield step
            if step == max(steps):
                return
