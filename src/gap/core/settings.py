"""The common base of all settings."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings that reject unknown keys, and numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    #: Names of keys that say *how much* or *how fast*, never *what*: they stay out of digests, so that asking for more
    #: (texts, items, updates) computes only what is new.
    COUNTS: ClassVar[frozenset[str]] = frozenset()

    def identity(self) -> dict[str, Any]:
        """The settings that determine a result, as plain JSON values."""
        return self.model_dump(mode="json", exclude=set(self.COUNTS))
