"""One job of evaluation: one model, one split of one task, every step of a shard of runs.

Checkpoints are recipes: the base weights stay resident, each run is replayed update by update, and every real step is
scored while its weights are in the model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.core.files import read_json
from gap.core.journal import Journal
from gap.core.progress import Progress, progress
from gap.core.provenance import write_provenance
from gap.core.tables import read_table
from gap.evaluate.encoding.item_chunks import chunk_size, item_chunks
from gap.evaluate.item_scores import ChunkKey, complete_chunks
from gap.params.jobs import BASE, EvaluateJob, RunId
from gap.runtime.runtime import Runtime
from gap.tasks.items import Item, load_items

if TYPE_CHECKING:
    from gap.evaluate.session import Session

TABLE = "item_scores"
Scorer = Literal["auto", "plain", "lm-eval"]


def evaluate(
    job: EvaluateJob,
    model: Path,
    items: Path,
    corpora: dict[str, Path],
    trajectories: Path | None,
    out: Path,
    runtime: Runtime,
    scorer: Scorer = "auto",
) -> None:
    """Write table ``item_scores`` and ``<out stem>.provenance.json`` beside it.

    Runs are scored at their real steps 1, 2, ... as ``trajectories`` records them; the pseudo-run ``base``, or a job without
    runs, is the unmodified model (step 0).  Finished runs are kept in the journal; what other files of the folder hold of the
    same runs is reused by complete item blocks and steps.

    Parameters
    ----------
    model: the base model's folder, tokenizer included.
    items: the fetched items, JSONL.
    corpora: corpus name -> its table ``texts``.
    scorer: auto (trees where they suit the model), plain (single sequences), or lm-eval (its HF backend); files of another
        scorer are not reused.

    Raises
    ------
    BadInput: items that do not fit the task, runs without trajectories, texts or method, a model that is too short.
    Refused: a replayed checkpoint is not the recorded one.
    """
    loaded = load_items(job.task, items, job.items)
    expected = read_expected(job, trajectories)
    runs = list(job.runs) or [BASE]
    steps = {run.run: {0} if run == BASE else real_steps(expected[run.run]) for run in runs}
    journal = Journal(out, TABLE)
    known = _known(journal, loaded, steps, scorer)
    shard = _Shard(job, model, loaded, corpora, runtime, scorer)
    frames = []
    with progress(f"evaluate {job.model} {job.task}", sum(map(len, steps.values()))) as shown:
        for run in runs:
            unit = f"{run.run}-{job.updates}-{job.items}" + (f"-{scorer}" if scorer != "auto" else "")
            rows = journal.get(unit)
            if rows is None:
                rows = shard.run(run, steps[run.run], expected.get(run.run), known, shown)
                if not rows.empty:
                    journal.add(unit, rows)
            else:
                shown.step(len(steps[run.run]))
            frames.append(rows)
    scored = [rows for rows in frames if not rows.empty]
    journal.finish(pd.concat(scored, ignore_index=True) if scored else _no_rows())
    facts = {"items": file_digest(items), "threads": runtime.threads, "reused_blocks": len(known), **shard.facts}
    write_provenance(out.with_name(f"{out.stem}.provenance.json"), "evaluate", job.model_dump(mode="json"), inputs=facts)


def _known(journal: Journal, items: list[Item], steps: dict[str, set[int]], scorer: Scorer) -> dict[ChunkKey, pd.DataFrame]:
    """What the finished files beside the output hold of the wanted steps."""
    found = journal.siblings(list(steps), lambda path: may_hold(path, set(steps), scorer))
    return complete_chunks(found, [item.hash for item in items], steps, chunk_size(items))


def may_hold(table: Path, runs: set[str], scorer: Scorer) -> bool:
    """Whether a finished file can hold rows of these runs by this scorer, as the provenance record beside it says.

    Reading a record takes a fiftieth of looking through its table.  A file without one may hold anything, by scorer auto.
    """
    try:
        record = read_json(table.with_name(f"{table.stem}.provenance.json"))
        by = str(record["inputs"].get("scorer", "auto"))
        held = {str(run["run"]) for run in record["settings"]["runs"]} or {BASE.run}
    except (BadInput, KeyError, TypeError, AttributeError):
        return scorer == "auto"
    return by == scorer and not held.isdisjoint(runs)


def read_expected(job: EvaluateJob, trajectories: Path | None) -> dict[str, pd.DataFrame]:
    """The trajectory of each run, up to the wanted number of updates.

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
    found = {str(name): rows.sort_values("epoch") for name, rows in table.groupby("run")}
    for run in runs:
        rows = found.get(run.run)
        if rows is None or (rows["epoch"].max() < job.updates and not rows["diverged"].any()):
            held = "no row" if rows is None else f"{rows['epoch'].max()} updates"
            raise BadInput(f"{trajectories}, run {run.run}", held, f"{job.updates} updates", "Post-train this shard first.")
    return {name: rows[rows["epoch"] <= job.updates] for name, rows in found.items()}


def real_steps(rows: pd.DataFrame) -> set[int]:
    """Steps whose weights differ from the step before: skipped and diverged updates have no checkpoint of their own."""
    return {int(step) for step in rows.loc[rows["real"], "step"]}


class _Shard:
    """What the runs of a job share; the model is loaded only when something is left to score."""

    def __init__(
        self,
        job: EvaluateJob,
        folder: Path,
        items: list[Any],
        corpora: dict[str, Path],
        runtime: Runtime,
        scorer: Scorer,
    ) -> None:
        self.job, self.folder, self.items, self.corpora = job, folder, items, corpora
        self.runtime, self.scorer = runtime, scorer
        self.opened: Session | None = None
        self.texts: dict[tuple[str, int], str] = {}

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance record: device, scorer, how items went through the model (why not through the head alone, why not as
        trees, what its twin has not), and how near the replayed checkpoints came to the recorded ones.
        """
        if self.opened is None:
            return {"scorer": self.scorer, "device": "not needed"}
        layout = f"{self.opened.layout}: {self.opened.reason}" if self.opened.reason else self.opened.layout
        return {
            "scorer": self.scorer,
            "device": self.opened.device,
            "head": self.opened.network.reason,
            "layout": layout,
            "kernel": self.opened.kernel,
            "refused": {} if self.opened.twin is None else self.opened.twin.dropped,
            "replayed": dataclasses.asdict(self.opened.tally) | {"tolerance": self.job.evaluate.replay_tolerance},
        }

    def session(self) -> Session:
        """The loaded model with its compiled items."""
        if self.opened is None:
            from gap.evaluate.session import Session
            from gap.models.text import read_texts

            self.texts = read_texts([run for run in self.job.runs if run != BASE], self.corpora)
            self.opened = Session(self.job, self.folder, self.items, self.runtime, self.scorer)
        return self.opened

    def run(
        self, run: RunId, steps: set[int], expected: pd.DataFrame | None, known: dict[ChunkKey, pd.DataFrame], shown: Progress
    ) -> pd.DataFrame:
        """Rows of one run in the order of step and item, reused ones among them."""
        count = len(item_chunks(self.items))
        method = "" if run == BASE else self.job.method
        names: dict[str, Any] = {"model": self.job.model, "method": method, "corpus": run.corpus, "text": run.text, "run": run.run}
        missing = {step: [block for block in range(count) if (run.run, step, block) not in known] for step in sorted(steps)}
        parts = {key: rows.assign(**names) for key, rows in known.items() if key[0] == run.run}
        for step in self._checkpoints(run, {step for step, left in missing.items() if left}, expected):
            for block, rows in self.session().score(missing[step], names | {"step": step}):
                parts[run.run, step, block] = rows
            shown.step(note=f"{run.corpus} {run.text}, step {step}".lstrip())
        shown.step(sum(not left for left in missing.values()))
        ordered = [parts[run.run, step, block] for step in missing for block in range(count)]
        return pd.concat(ordered, ignore_index=True) if ordered else _no_rows()

    def _checkpoints(self, run: RunId, wanted: set[int], expected: pd.DataFrame | None) -> Iterator[int]:
        """Bring the model to each wanted step in turn."""
        if not wanted:
            return
        session = self.session()
        if expected is None:
            session.base()
            yield 0
            return
        for step in session.replay(run, self.texts, expected):
            if step in wanted:
                yield step
            if step == max(wanted):
                return


def _no_rows() -> pd.DataFrame:
    """Of a run without a real step."""
    from gap.core.tables import TABLES

    return pd.DataFrame({column: [] for column in TABLES[TABLE]})
