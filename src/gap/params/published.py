"""A study that runs nothing: the authors' released rows, redrawn and audited."""

from __future__ import annotations

from pydantic import Field

from gap.core.settings import Settings
from gap.params.names import Label, Name


class Published(Settings):
    """How the analyses draw."""

    resamples: int = Field(ge=100, description="Bootstrap resamples behind every interval.")
    simulations: int = Field(
        ge=500,
        description="Half the simulated runs without any effect; fewer would not do for the largest of as many runs as were released.",
    )
    level: float = Field(gt=0.5, lt=1.0, description="Level of the intervals.")


class PublishedStudy(Settings):
    """A study with the key ``published``; of the shared entries only the seed concerns it."""

    name: Name
    title: Label = ""
    seed: int = Field(ge=0, description="Every random choice derives from it.")
    published: Published
