"""Paths of parameters: plain, or below the mirror; never the current folder by mistake."""

from __future__ import annotations

import os
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


def test_a_name_that_is_not_utf8_is_refused_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("b")
    with pytest.raises(BadInput, match=r"a file called b'\\xff.txt'"):
        files_at(str(tmp_path))
