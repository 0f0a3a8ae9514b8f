"""Evaluation items: where they come from, and what a job that fetches them is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gap.core.settings import Settings


class Items(Settings):
    """Where the evaluation items come from."""

    kind: Literal["miniature", "folder", "hub"] = Field(
        description="miniature: the small sets shipped here; folder: files in the hub's column schemas; hub: pinned revisions."
    )
    path: str | None = Field(None, description="Folder for kind `folder`; `mirror:` is $GAP_MIRROR.")


class TaskJob(Settings):
    """Fetch one task's split in the hub's column schema."""

    task: str
    split: str
    items: Items
