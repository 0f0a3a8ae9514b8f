"""Writing in one step, and the errors of places that cannot be written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Unavailable
from gap.core.files import read_json, read_jsonl, write_json, write_text, writing


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    write_text(place, "old")
    with pytest.raises(RuntimeError), writing(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def test_a_read_only_link_is_replaced_not_written_through(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.write_text("cached")
    cache.chmod(0o444)
    place = tmp_path / "out"
    place.symlink_to(cache)
    write_text(place, "new")
    assert place.read_text() == "new" and cache.read_text() == "cached" and not place.is_symlink()


def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"No space left on device.*finished work is kept"), writing(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_real_full_device_is_explained() -> None:
    with pytest.raises(OSError) as caught:
        Path("/dev/full").write_text("x")
    assert caught.value.errno == errno.ENOSPC


def test_json_round_trip_and_damage(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": "é"})
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": [1, 2.5]}
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(BadInput, match="not a readable JSON"):
        read_json(tmp_path / "b.json")


def test_jsonl_splits_on_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x\u2028y"}\n\n{"a": "z"}\n', encoding="utf-8")
    assert read_jsonl(path) == [{"a": "x\u2028y"}, {"a": "z"}]
    path.write_text('{"a": 1}\n[2]\n')
    with pytest.raises(BadInput, match="line 2"):
        read_jsonl(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_jsonl(path)
