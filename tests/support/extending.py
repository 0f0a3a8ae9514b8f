"""Worked examples of docs/extending.md, put into a copy of the sources as the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def example(heading: str) -> tuple[str, str]:
    """The one file below a heading of the page, and its content."""
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    text = re.split(r"\n##+ ", page.split(f"## {heading}\n", 1)[1], maxsplit=1)[0]
    [(file, code)] = re.findall(r"`(src/gap/\S+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    return file, code


class Copy:
    """The sources below ``folder``, with the example's file and nothing else changed."""

    def __init__(self, folder: Path, heading: str) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        self.file, code = example(heading)
        assert not (folder / self.file).exists()
        (folder / self.file).write_text(code, encoding="utf-8")

    def python(self, code: str, *arguments: str) -> str:
        """What ``code`` prints when it runs on the copy."""
        return self._run("-c", code, *arguments)

    def check_style(self) -> None:
        """The example passes the project's linter and formatter."""
        config = f"--config={ROOT / 'pyproject.toml'}"
        self._run("-m", "ruff", "check", config, self.file)
        self._run("-m", "ruff", "format", "--check", config, self.file)

    def _run(self, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
