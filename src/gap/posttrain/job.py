"""One job of post-training: a shard of texts for one model, run after run with the base weights resident."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd

from gap.core.digest import digest
from gap.core.progress import progress
from gap.models.load import load_model, model_identity
from gap.models.text import read_texts, run_ids, texts_identity
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import Snapshot, weights_digest
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain.row import check_base
from gap.posttrain.run import Texts, run_method
from gap.runtime.device import open_device
from gap.runtime.journal import Journal
from gap.runtime.runtime import Runtime

TABLE = "trajectories"


def posttrain(job: PosttrainJob, model: Path, corpora: dict[str, Path], out: Path, runtime: Runtime) -> None:
    """Write table ``trajectories`` of the shard's runs and ``<out stem>.provenance.json`` beside it.

    Finished runs are kept in the journal, so that a killed job goes on where it was; runs of earlier files in the same
    folder are reused as far as they go (fewer updates are a beginning of more): runs of the same weights, method, texts and code.

    Parameters
    ----------
    model: the base model's folder.
    corpora: corpus name -> its table ``texts``.

    Raises
    ------
    BadInput: a run's text is not in its corpus or cannot be encoded, or the model's folder is not usable.
    Refused: the base weights were not restored bit for bit between two runs.
    """
    texts = read_texts(job.runs, corpora)
    journal = Journal(out, TABLE, run_identities(job, model, texts), counts=job.updates)
    device = open_device(runtime)
    tokenizer = load_tokenizer(model)
    base = Snapshot(load_model(model, device), offload=runtime.offload, compact=True)
    weights = weights_digest(base.model)
    ids = {run.run: run_ids(tokenizer, run, texts, job.settings.gap, base.model) for run in job.runs}
    frames = finished(job, journal)
    with progress(f"post-train {job.model}", len(job.runs)) as shown:
        for run in job.runs:
            if run.run not in frames:
                frames[run.run] = _run_rows(job, run, ids[run.run], base, weights)
                journal.add(run.run, frames[run.run])
            shown.step(note=f"{run.corpus} {run.text}")
    rows = pd.concat([frames[run.run] for run in job.runs], ignore_index=True)
    journal.finish(rows, "posttrain", job.model_dump(mode="json"), weights=weights, device=str(device), threads=runtime.threads)


def run_identities(job: PosttrainJob, model: Path, texts: dict[tuple[str, int], str]) -> dict[str, str]:
    """Run -> digest of what determines its rows: the model's files, method, texts and code."""
    common = {"model": model_identity(model), "method": job.settings.identity(), "code": job.code}
    return {run.run: digest([common, *texts_identity(run, texts)], 24) for run in job.runs}


def finished(job: PosttrainJob, journal: Journal) -> dict[str, pd.DataFrame]:
    """Run -> rows of the runs that need no work: in the journal, or long enough in another table of the folder."""
    frames: dict[str, pd.DataFrame] = {}
    for table in journal.siblings():
        for name, rows in table.groupby("run", sort=False):
            enough = rows["epoch"].max() >= job.updates or rows["diverged"].any()
            if enough and str(name) not in frames:
                first = rows[rows["epoch"] <= job.updates].sort_values("epoch")
                frames[str(name)] = first.assign(model=job.model, method=job.method)
    for run in job.runs:
        journaled = journal.get(run.run)
        if journaled is not None:
            frames[run.run] = journaled
    return frames


def _run_rows(job: PosttrainJob, run: RunId, ids: tuple[Texts, Texts], base: Snapshot, weights: str) -> pd.DataFrame:
    """Rows of one run from the base weights, whose digest is ``weights``; ``ids``: of its texts, and of those that it retains."""
    base.restore()
    names: dict[str, Any] = {"model": job.model, "method": job.method, "corpus": run.corpus, "text": run.text, "run": run.run}
    rows = []
    texts, retained = ids
    for row in run_method(base, texts, job.settings, job.updates, retained):
        check_base(f"run {run.run}", row, weights)
        rows.append(names | dataclasses.asdict(row))
    return pd.DataFrame(rows)
