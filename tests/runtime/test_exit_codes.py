"""Paths that no earlier check had looked at end in one paragraph, other errors of the system in a traceback."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Unavailable
from gap.runtime.exit_codes import SHOWN, known_problem, unusable_path


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda folder: folder.read_text(), "{folder}: is a directory. Allowed: a path that can be read or written"),
        (lambda folder: (folder / "file/x").read_text(), "{folder}/file/x: not a directory"),
        (lambda folder: (folder / "gone").read_text(), "{folder}/gone: no such file or directory"),
        (lambda folder: (folder / "link").read_text(), "{folder}/link: too many levels of symbolic links"),
        (lambda folder: (folder / "file").mkdir(), "{folder}/file: file exists"),
        (lambda folder: os.replace(folder / "file", folder / "other"), "{folder}/other: is a directory"),
    ],
)
def test_a_path_is_named_with_what_is_wrong(tmp_path: Path, act: Callable[[Path], object], said: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("link")
    (tmp_path / "other").mkdir()
    code, paragraph = known_problem(lambda: act(tmp_path))
    assert code == BadInput.exit_code and paragraph.startswith(f"gap: {said.format(folder=tmp_path)}") and "\n" not in paragraph


def test_a_long_path_is_cut() -> None:
    code, paragraph = known_problem(lambda: open("x" * 300))  # noqa: SIM115 - it cannot be opened
    assert code == BadInput.exit_code and f"gap: {'x' * SHOWN}...: file name too long" in paragraph


def test_a_path_of_bytes_is_named_too() -> None:
    assert unusable_path(OSError(errno.EISDIR, "", b"caf\xe9")).where == os.fsdecode(b"caf\xe9")


def test_a_full_disk_is_unavailable_and_an_error_of_no_path_is_ours() -> None:
    def fail(number: int) -> None:
        raise OSError(number, os.strerror(number))

    code, paragraph = known_problem(lambda: fail(errno.ENOSPC))
    assert code == Unavailable.exit_code and "finished work is kept" in paragraph
    with pytest.raises(OSError, match="Invalid argument"):
        known_problem(lambda: fail(errno.EINVAL))
