"""Where a study's outputs stand, by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class StudyFolders:
    """Folders of the study ``study``, of either kind."""

    study: Any

    @property
    def data(self) -> Path:
        """Folder of inputs and base models."""
        return Path("data") / self.study.name

    @property
    def results(self) -> Path:
        """Folder of everything computed from them."""
        return Path("results") / self.study.name

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return Path("figures") / self.study.name
