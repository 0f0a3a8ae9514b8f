"""Portable arithmetic: the same bits on every x86-64 processor with AVX2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gap.core.errors import BadInput, Refused
from gap.runtime.arithmetic import PORTABLE, arithmetic, check_portable, set_arithmetic, study_arithmetic

RUN = Path(__file__).parents[1] / "support/portable_run.py"
#: What ``RUN`` prints wherever portable arithmetic can be had.
EXPECTED = {"weights": "4eb95c248531", "log_probabilities": "3ae3efd88b41", "numpy": "9272078b6ca4"}
PLAIN = {name: value for name, value in os.environ.items() if name not in PORTABLE}


def digests(*emulator: str) -> dict[str, str]:
    done = subprocess.run([*emulator, sys.executable, str(RUN)], capture_output=True, text=True, env=PLAIN)
    if "Set jobs.arithmetic to fast" in done.stderr:
        pytest.skip("this processor or this torch has no portable arithmetic")
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def test_this_processor_gives_the_bits_of_all() -> None:
    assert digests() == EXPECTED


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("qemu-x86_64") or not os.environ.get("GAP_EMULATE"), reason="needs qemu-user and GAP_EMULATE=1")
@pytest.mark.parametrize("processor", ["Haswell", "EPYC-Rome"])
def test_emulated_processors_of_both_vendors(processor: str) -> None:
    assert digests("qemu-x86_64", "-cpu", processor) == EXPECTED


@pytest.mark.parametrize("plan", [{}, [], {"study": 3}, {"study": {}}, {"study": {"jobs": {"threads": 1}}}])
def test_a_plan_that_does_not_say_is_one_of_fast_arithmetic(plan: Any) -> None:
    assert study_arithmetic(plan) == "fast"
    assert study_arithmetic({"study": {"jobs": {"arithmetic": "portable"}}}) == "portable"


@pytest.mark.parametrize("content", ["{}", "[]", '{"study": 3}'])
def test_a_file_that_is_no_plan_is_refused_in_one_paragraph(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    command = [sys.executable, "-m", "gap.cli.main", "aggregate", "--plan", "plan.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, "plan.json" in done.stderr and "Allowed: a JSON object." in done.stderr, "Traceback" in done.stderr) == (
        2,
        True,
        False,
    )


def test_unknown_names_are_refused() -> None:
    with pytest.raises(BadInput, match="portable or fast"):
        set_arithmetic("exact")


def test_it_must_be_chosen_before_torch_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: F401

    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    with pytest.raises(Refused, match="torch and numpy loaded already"):
        set_arithmetic("portable")
    set_arithmetic("fast")
    assert arithmetic() == "fast"


def test_a_processor_without_avx2_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name, value in PORTABLE.items():
        monkeypatch.setenv(name, value)
    assert arithmetic() == "portable"
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    with pytest.raises(BadInput, match="computes by DEFAULT here"):
        check_portable()
