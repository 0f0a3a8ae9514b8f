"""One job of post-training: a shard of texts for one model, run after run with the base weights resident."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.errors import Refused
from gap.core.progress import progress
from gap.models.text import read_texts, run_ids
from gap.params.jobs import PosttrainJob, RunId
from gap.runtime.journal import Journal
from gap.runtime.provenance import write_provenance
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

    from gap.models.weights import Snapshot

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
    runs = _Runs(job, model, runtime)
    ids = {run.run: runs.encode(run, texts) for run in job.runs}
    known = finished(job, journal, runs.digest)
    frames = []
    with progress(f"post-train {job.model}", len(job.runs)) as shown:
        for run in job.runs:
            if run.run not in known:
                known[run.run] = runs.run(run, ids[run.run])
                journal.add(unit(run, job), known[run.run])
            frames.append(known[run.run])
            shown.step(note=f"{run.corpus} {run.text}")
    journal.finish(pd.concat(frames, ignore_index=True))
    settings = job.model_dump(mode="json")
    write_provenance(
        out.with_name(f"{out.stem}.provenance.json"),
        "posttrain",
        settings,
        weights=runs.digest,
        device=str(runs.device),
        threads=runtime.threads,
    )


def unit(run: RunId, job: PosttrainJob) -> str:
    """Name of a finished run in the journal."""
    return f"{run.run}-{job.updates}"


def finished(job: PosttrainJob, journal: Journal, base: str) -> dict[str, pd.DataFrame]:
    """Run -> rows of the runs that need no work: in the journal, or long enough in another file of the folder.

    Rows whose step 0 is not the base ``base`` are left alone.
    """
    wanted = [run.run for run in job.runs]
    known: dict[str, pd.DataFrame] = {}
    for rows in journal.siblings(wanted):
        for name, own in rows.groupby("run", sort=False):
            enough = own["epoch"].max() >= job.updates or own["diverged"].any()
            if enough and str(name) not in known and _is_of(own, base):
                known[str(name)] = own[own["epoch"] <= job.updates].sort_values("epoch").assign(model=job.model, method=job.method)
    for run in job.runs:
        kept = journal.get(unit(run, job))
        if kept is not None and _is_of(kept, base):
            known[run.run] = kept
    return known


def _is_of(rows: pd.DataFrame, base: str) -> bool:
    return bool((rows.loc[rows["epoch"] == 0, "digest"] == base).any())


class _Runs:
    """The model with its base weights at hand."""

    def __init__(self, job: PosttrainJob, folder: Path, runtime: Runtime) -> None:
        from gap.models.load import load_model
        from gap.models.tokenizer import load_tokenizer
        from gap.models.weights import Snapshot, weights_digest
        from gap.runtime.device import open_device

        self.job, self.host = job, runtime.offload
        self.device: torch.device = open_device(runtime)
        self.tokenizer = load_tokenizer(folder)
        self.model: PreTrainedModel = load_model(folder, self.device)
        self.base: Snapshot = Snapshot(self.model, self.host, compact=True)
        self.digest = weights_digest(self.model)

    def encode(self, run: RunId, texts: dict[tuple[str, int], str]) -> list[list[Tensor]]:
        return run_ids(self.tokenizer, run, texts, self.job.settings.gap, getattr(self.model.config, "max_position_embeddings", None))

    def run(self, run: RunId, ids: list[list[Tensor]]) -> pd.DataFrame:
        """Rows of one run; the weights are the base's before it and whatever it left behind after it."""
        import pandas as pd

        from gap.posttrain.method import run_method

        self.base.restore()
        names: dict[str, Any] = {"model": self.job.model, "method": self.job.method, "corpus": run.corpus, "text": run.text, "run": run.run}
        rows = []
        for update in run_method(self.model, self.base, ids, self.job.settings, self.job.updates, self.host):
            if update.epoch == 0 and update.digest != self.digest:
                raise Refused(
                    f"run {run.run}",
                    f"weights {update.digest} at its start",
                    f"the base weights {self.digest}",
                    "Report this: a run left something behind.",
                )
            rows.append(names | dataclasses.asdict(update))
        return pd.DataFrame(rows)
