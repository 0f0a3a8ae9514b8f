"""Input files named by path count by content; a clone without them trusts the lock."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from gap.core.errors import BadInput, Unavailable
from gap.plan.fingerprints import Fingerprints


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAP_MIRROR", raising=False)


def once(path: str) -> str:
    prints = Fingerprints()
    found = prints.of(path)
    prints.save()
    return found


def test_content_counts_and_time_does_not() -> None:
    place = Path("a.txt")
    place.write_text("one")
    first = once("a.txt")
    place.touch()
    assert once("a.txt") == first
    place.write_text("two")
    assert once("a.txt") != first


def test_folders_and_patterns() -> None:
    Path("d/e").mkdir(parents=True)
    Path("d/a.txt").write_text("1")
    Path("d/e/b.txt").write_text("2")
    folder, pattern = once("d"), once("d/*.txt")
    Path("d/e/b.txt").write_text("3")
    assert once("d") != folder and once("d/*.txt") == pattern
    everywhere = once("d/**/*.txt")
    Path("d/e/a.txt").write_text("1")  # the name of a file that is there, in another folder
    added = once("d/**/*.txt")
    Path("d/e/a.txt").write_text("4")
    assert len({everywhere, added, once("d/**/*.txt")}) == 3 and once("d/*.txt") == pattern


def test_where_the_file_is_absent_the_lock_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "t.txt").write_text("text")
    monkeypatch.setenv("GAP_MIRROR", str(mirror))
    known = once("mirror:t.txt")
    assert str(tmp_path) not in Path("sources.lock.json").read_text()
    monkeypatch.delenv("GAP_MIRROR")
    assert once("mirror:t.txt") == known
    with pytest.raises(Unavailable, match="GAP_MIRROR"):
        once("mirror:u.txt")
    with pytest.raises(BadInput, match="nothing at"):
        once("nothing.txt")


def test_a_folder_is_no_file_and_a_file_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("folder/file.txt").write_text("x")
    prints = Fingerprints()
    with pytest.raises(BadInput, match=r"folder: a folder at folder\. Allowed: a file"):
        prints.of_file("folder")
    with pytest.raises(BadInput, match=r"file\.txt: a file at folder/file\.txt\. Allowed: a folder"):
        prints.of_folder("folder/file.txt")
    assert prints.of_file("folder/file.txt") == prints.of("folder/file.txt")
    assert prints.of_folder("folder") == prints.of("folder")


@pytest.mark.parametrize("content", ['{"a.txt": 3}', '{"a.txt": {"digest": "x"}}', "[]", "<<<<<<< HEAD\n{}\n"])
def test_a_lock_of_another_form_is_refused_with_its_cure(content: str) -> None:
    Path("sources.lock.json").write_text(content)
    with pytest.raises(BadInput, match=r"git checkout -- sources\.lock\.json"):
        Fingerprints()


@pytest.mark.parametrize("content", ['{"a.txt": 3}', "[]", "{", '{"a.txt": [1, 2]}'])
def test_a_damaged_cache_counts_as_none(content: str) -> None:
    Path("a.txt").write_text("one")
    first = once("a.txt")
    Path(".gap/fingerprints.json").write_text(content)
    assert once("a.txt") == first


def test_what_was_asked_for_is_known_with_its_digest() -> None:
    Path("a.txt").write_text("one")
    Path("sources.lock.json").write_text('{"gone.txt": "0123456789ab", "other.txt": "ba9876543210"}')
    prints = Fingerprints()
    digests = {"a.txt": prints.of("a.txt"), "gone.txt": prints.of("gone.txt")}
    assert prints.used == digests and digests["gone.txt"] == "0123456789ab"
    assert prints.python() == platform.python_version()
    assert prints.used == {**digests, "Python": platform.python_version()}
