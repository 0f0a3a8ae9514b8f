"""One job of post-training: a shard of texts for one model, run after run with the base weights resident."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.progress import progress
from gap.models.text import read_texts, run_ids
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.runtime.journal import Journal
from gap.runtime.provenance import write_provenance
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor

TABLE = "trajectories"


def posttrain(job: PosttrainJob, model: Path, corpora: dict[str, Path], out: Path, runtime: Runtime) -> None:
    """Write table ``trajectories`` of the shard's runs and ``<out stem>.provenance.json`` beside it.

    Finished runs are kept in the journal, so that a killed job goes on where it was; runs of earlier files in the same
    folder are reused as far as they go (fewer updates are a beginning of more).

    Parameters
    ----------
    model: the base model's folder.
    corpora: corpus name -> its table ``texts``.

    Raises
    ------
    BadInput: a run's text is not in its corpus or cannot be encoded, or the model's folder is not usable.
    Refused: the base weights were not restored bit for bit between two runs.
    """
    import pandas as pd

    texts = read_texts(job.runs, corpora)
    journal = Journal(out, TABLE)
    trainer = _Posttrainer(job, model, runtime)
    ids = {run.run: trainer.encode(run, texts) for run in job.runs}
    frames = finished(job, journal, trainer.digest)
    with progress(f"post-train {job.model}", len(job.runs)) as shown:
        for run in job.runs:
            if run.run not in frames:
                frames[run.run] = trainer.run(run, ids[run.run])
                journal.add(unit(run, job), frames[run.run])
            shown.step(note=f"{run.corpus} {run.text}")
    journal.finish(pd.concat([frames[run.run] for run in job.runs], ignore_index=True))
    facts = {"weights": trainer.digest, "device": str(trainer.device), "threads": runtime.threads}
    write_provenance(out.with_name(f"{out.stem}.provenance.json"), "posttrain", job.model_dump(mode="json"), **facts)


def unit(run: RunId, job: PosttrainJob) -> str:
    """Name of a finished run in the journal."""
    return f"{run.run}-{job.updates}"


def finished(job: PosttrainJob, journal: Journal, base: str) -> dict[str, pd.DataFrame]:
    """Run -> rows of the runs that need no work: in the journal, or long enough in another file of the folder.

    Rows whose step 0 is not the base ``base`` are left alone.
    """
    frames: dict[str, pd.DataFrame] = {}
    for table in journal.siblings([run.run for run in job.runs]):
        for name, rows in table.groupby("run", sort=False):
            enough = rows["epoch"].max() >= job.updates or rows["diverged"].any()
            if enough and str(name) not in frames and _is_of(rows, base):
                first = rows[rows["epoch"] <= job.updates].sort_values("epoch")
                frames[str(name)] = first.assign(model=job.model, method=job.method)
    for run in job.runs:
        journaled = journal.get(unit(run, job))
        if journaled is not None and _is_of(journaled, base):
            frames[run.run] = journaled
    return frames


def _is_of(rows: pd.DataFrame, base: str) -> bool:
    return bool((rows.loc[rows["epoch"] == 0, "digest"] == base).any())


class _Posttrainer:
    """The model with its base weights at hand."""

    def __init__(self, job: PosttrainJob, folder: Path, runtime: Runtime) -> None:
        from gap.models.load import load_model
        from gap.models.tokenizer import load_tokenizer
        from gap.models.weights import weights_digest
        from gap.posttrain.context import open_context
        from gap.runtime.device import open_device

        self.job = job
        self.device: torch.device = open_device(runtime)
        self.tokenizer = load_tokenizer(folder)
        self.context = open_context(load_model(folder, self.device), offload=runtime.offload)
        self.digest = weights_digest(self.context.model)

    def encode(self, run: RunId, texts: dict[tuple[str, int], str]) -> list[list[Tensor]]:
        positions = getattr(self.context.model.config, "max_position_embeddings", None)
        return run_ids(self.tokenizer, run, texts, self.job.settings.gap, positions)

    def run(self, run: RunId, ids: list[list[Tensor]]) -> pd.DataFrame:
        """Rows of one run; the weights are the base's before it and whatever it left behind after it."""
        import pandas as pd

        from gap.posttrain.method import run_method
        from gap.posttrain.row import check_base

        self.context.base.restore()
        names: dict[str, Any] = {"model": self.job.model, "method": self.job.method, "corpus": run.corpus, "text": run.text, "run": run.run}
        rows = []
        for row in run_method(self.context, ids, self.job.settings, self.job.updates):
            check_base(f"run {run.run}", row, self.digest)
            rows.append(names | dataclasses.asdict(row))
        return pd.DataFrame(rows)
