"""Writing in one step, and the errors of places that cannot be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Unavailable
from gap.core.files import (
    ABSENT,
    having_room,
    read_csv,
    read_json,
    read_jsonl,
    read_object,
    write_json,
    write_text,
    writing,
    writing_together,
)
from gap.core.unicode import is_utf8


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    write_text(place, "old")
    with pytest.raises(RuntimeError), writing(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(BadInput, match="no name of a file or folder"):
        write_text(Path(path), "x")


def test_only_a_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("folder", "pipe", "link"):
        with pytest.raises(BadInput, match=f"{name}: a (folder|device).*Name another one"):
            write_text(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink() and (tmp_path / "folder").is_dir()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["null", "stdout", "no-such-device"])
def test_nothing_is_written_among_the_systems_devices(name: str) -> None:
    with pytest.raises(BadInput, match=f"/dev/{name}: a device, or a place for one"), writing(Path("/dev") / name):
        raise AssertionError("the block must not begin")


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
    with pytest.raises(Unavailable, match="No space left on device"), having_room(Path("/dev/full")):
        Path("/dev/full").write_text("x")


def test_files_written_together_replace_those_of_their_names_the_last_one_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    (tmp_path / f".out.{os.getpid()}.tmp/left by a killed process of this number").mkdir(parents=True)
    replaced, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda source, target: replaced.append(Path(target).name) or replace(source, target))
    with writing_together(folder, "a") as made:
        for name in "abc":
            (made / name).write_text("new")
        assert not folder.exists()
    assert replaced == ["b", "c", "a"] and list(tmp_path.iterdir()) == [folder] and len(list(folder.iterdir())) == 3
    with pytest.raises(RuntimeError), writing_together(folder) as made:
        (made / "a").write_text("half")
        raise RuntimeError
    assert (folder / "a").read_text() == "new" and list(tmp_path.iterdir()) == [folder]


def test_json_round_trip_and_damage(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": "é"})
    assert read_json(tmp_path / "a.json") == {"a": "é", "b": [1, 2.5]}
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(BadInput, match="not a readable JSON"):
        read_json(tmp_path / "b.json")


def test_a_missing_file_is_called_missing_and_its_cure_makes_it(tmp_path: Path) -> None:
    for cure in ("Run the study first: make STUDY=small.", ABSENT):
        given = {} if cure == ABSENT else {"cure": cure}
        with pytest.raises(BadInput, match="no such file") as caught:
            read_object(tmp_path / "a.json", **given)
        assert caught.value.cure == cure


DAMAGED = {
    "conflict": "<<<<<<< HEAD\n{}\n=======\n",
    "deep": "[" * 100_000,
    "half a surrogate pair": '{"a": ["\\udc80"]}',
    "not UTF-8": b"{\xff}",
    "cut": '{"a": 1',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_json_is_refused_with_the_readers_own_cure(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=r"a\.json: not a readable JSON file .* git checkout"):
        read_object(path, "Restore it: git checkout -- a.json.")
    if b"\n" not in path.read_bytes():
        with pytest.raises(BadInput, match=r"a\.json"):
            read_jsonl(path)


def test_what_is_no_file_or_no_object_is_said(tmp_path: Path) -> None:
    for read in (read_json, read_object, read_jsonl):
        with pytest.raises(BadInput, match="directory"):
            read(tmp_path)
        with pytest.raises(BadInput, match="o such file"):
            read(tmp_path / "x")
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(BadInput, match="a JSON list"):
        read_object(tmp_path / "a.json")


def test_an_object_without_its_fields_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content, found in (("{}", "not there"), ('{"light": []}', "a JSON list")):
        path.write_text(content)
        with pytest.raises(BadInput, match=rf"a\.json, key 'light': {found}\. Allowed: a JSON object\. Make it anew\."):
            read_object(path, "Make it anew.", {"light": dict})
    path.write_text('{"light": {}, "more": 1}')
    assert read_object(path, fields={"light": dict}) == {"light": {}, "more": 1}


def test_a_byte_of_a_name_that_is_not_utf8_is_seen() -> None:
    assert is_utf8("é \U0001f600") and not is_utf8(os.fsdecode(b"\xff.txt"))


def test_a_pair_of_surrogates_is_a_sign_and_a_mark_at_the_start_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('\ufeff{"a": "\\ud83d\\ude00"}\n', encoding="utf-8")
    assert read_jsonl(path) == [{"a": "\U0001f600"}]


def test_csv_fields_in_quotes_keep_what_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffid,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,d\r\n'.encode())
    assert list(read_csv(path)) == [{"id": "1", "text": 'a, "b"\r\nc'}, {"id": "2", "text": "d"}]
    path.write_bytes(b"")
    assert list(read_csv(path)) == []


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
