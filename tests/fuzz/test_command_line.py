"""Hostile command lines: every command with values that people mistype; a known problem in one paragraph, or done, and no traceback."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from gap.cli.light import STAGES
from gap.cli.main import app
from gap.runtime.exit_codes import known_problem

from .conftest import MANY

ROOT = Path(__file__).resolve().parents[2]
#: lm-eval's own command line; what writes into the package; what asks a server that is not the hub.
LEFT_OUT = {"lm-eval", "lock-code", "fetch-upstream"}
COMMANDS = {name: command for name, command in typer.main.get_command(app).commands.items() if name not in LEFT_OUT}  # type: ignore[attr-defined]

#: Paths that are not what they should be (``folder``, ``file``, ``link`` and ``socket`` are there), names, and pairs of both.  None leads out
#: of the test's own folder to what could be written: the tests may be root's.
PATHS = ["", ".", "..", "folder", "file", "file/x", "link", "no/such", "x" * 300, "é", " ", "a\nb", "~", "-", "socket", "/proc/self/mem"]  # fmt: skip
NAMES = ["demo", "published", "x", "{}", "[]", "null", "0", "-1", "1e400", "nan", "copa", "copa/validation", "a=b=c", "=", "@", "lm_eval:", "a,b"]  # fmt: skip
VALUES = [
    *PATHS,
    *NAMES,
    *(f"@{path}" for path in PATHS),
    *(f"copa={path}" for path in PATHS),
    *(f"copa/validation={path}" for path in PATHS),
]


def words(parameter: Any, value: str) -> list[str]:
    """A parameter with a value, as it is typed."""
    if getattr(parameter, "is_flag", False):
        return [parameter.opts[0]]
    return [parameter.opts[0], value] if parameter.opts[0].startswith("-") else [value]


@settings(max_examples=MANY or 100)
@given(name=st.sampled_from(sorted(COMMANDS)), data=st.data())
def test_a_command_ends_with_its_result_or_one_paragraph(name: str, data: st.DataObject) -> None:
    arguments = [name]
    for parameter in COMMANDS[name].params:
        if parameter.name != "help" and (parameter.required or data.draw(st.integers(0, 3)) == 0):
            arguments += words(parameter, data.draw(st.sampled_from(VALUES)))
    with tempfile.TemporaryDirectory() as outer, pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(outer) / "inner"
        (folder / "folder").mkdir(parents=True)
        (folder / "file").write_text("text\n")
        (folder / "link").symlink_to("link")
        listening.bind(str(folder / "socket"))
        for file in ("params.yaml", "preregistration.yaml"):
            shutil.copy(ROOT / file, folder)
        patch.chdir(folder)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("GAP_MIRROR", raising=False)
        patch.setattr(socket, "create_connection", refuse)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
            code, paragraph = known_problem(lambda: app(arguments))
            raise SystemExit(code or f"a command that returned: {paragraph}")
        assert ended.value.code in (0, 1, 2, 3, 4), said.getvalue()
        assert not [path for path in Path(outer).rglob("*.tmp") if path.is_file()]
        assert (folder / "socket").is_socket() and (folder / "folder").is_dir()


PLANNED = [[name] for name in (*STAGES, "checkpoints", "rescore")] + [
    ["export", "--model", "m", "--out", "o"],
    ["materialise", "x", "--out", "o"],
]


@pytest.mark.parametrize("content", ["{}", "[]", '{"study": {"name": "x"}}', '{"study": {}, "light": []}'])
@pytest.mark.parametrize("arguments", PLANNED, ids=lambda arguments: arguments[0])
def test_a_plan_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], content: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.json").write_text(content)
    code, paragraph = known_problem(lambda: app([*arguments, "--plan", "plan.json"], standalone_mode=False))
    assert code == 2 and paragraph.startswith("gap: plan.json") and "JSON" in paragraph
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_an_argument_that_no_record_could_hold_is_refused_before_any_work(tmp_path: Path) -> None:
    job = '{"task": "copa", "split": "validation", "items": {"kind": "miniature"}}'
    command = [sys.executable, "-m", "gap.cli.main", "fetch-items", "--job", job, "--out", b"\xff.jsonl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith(r"gap: argument b'\xff.jsonl': not UTF-8") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", ["0", "-1"])
@pytest.mark.parametrize("command", ["boundary", "lm-eval-tasks"])
def test_no_items_or_all_but_the_last_are_refused(command: str, limit: str) -> None:
    options = [*(["--tokenizer", "a=b"] if command == "boundary" else []), "--items", "copa=c", "--out", "o"]
    done = CliRunner().invoke(app, [command, *options, "--limit", limit])
    assert done.exit_code == 2 and "'--limit'" in done.output


def refuse(*_: object, **__: object) -> socket.socket:
    raise ConnectionRefusedError(111, os.strerror(111))
