"""Post-training: the job that trains a shard of runs."""

from __future__ import annotations

from pydantic import Field

from gap.core.settings import Settings
from gap.params.methods import Method
from gap.params.runs import RunId


class PosttrainJob(Settings):
    """Post-train one model on a shard of texts."""

    model: str
    method: str
    settings: Method
    updates: int
    runs: list[RunId]
    code: dict[str, str] = Field(default_factory=dict, description="Module -> version of its code; the command line fills it in.")
