"""Paths of parameters: plain, or below the mirror; never the current folder by mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Unavailable
from gap.core.locations import existing, files_at, locate


@pytest.mark.parametrize("find", [locate, existing, files_at])
def test_an_empty_path_is_refused(find: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="path '': empty"):
        find("")
    assert locate(".") == Path(".") and existing(".") == Path(".") and files_at(".") == {"file": Path("file")}


def test_the_mirror_itself_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAP_MIRROR", raising=False)
    with pytest.raises(Unavailable, match="GAP_MIRROR is not set"):
        locate("mirror:")
    monkeypatch.setenv("GAP_MIRROR", str(tmp_path))
    assert locate("mirror:") == tmp_path and locate("mirror:a/b") == tmp_path / "a/b"
