"""Portable arithmetic: the same bits on every x86-64 processor with AVX2."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import gap.runtime.arithmetic as module
from gap.core.errors import BadInput, Refused
from gap.runtime.arithmetic import PORTABLE, arithmetic, check_portable, light_arithmetic, set_arithmetic, study_arithmetic
from gap.runtime.processor import processor_field

RUN = Path(__file__).parents[1] / "support/portable_run.py"
#: What ``RUN`` prints wherever portable arithmetic can be had.
EXPECTED = {"weights": "4eb95c248531", "log_probabilities": "3ae3efd88b41", "numpy": "66a5c59da18d"}
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


def test_light_stages_are_portable_in_every_study_where_the_processor_has_avx2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def with_flags(flags: str) -> None:
        (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : {flags}\n")
        monkeypatch.setattr(module, "processor_field", partial(processor_field, file=tmp_path / "cpuinfo"))

    fast, portable = ({"study": {"jobs": {"arithmetic": name}}} for name in ("fast", "portable"))
    with_flags("sse4_2 avx2 fma")
    assert [light_arithmetic(plan) for plan in (fast, portable, {})] == ["portable"] * 3
    with_flags("sse4_2 avx")
    assert [light_arithmetic(plan) for plan in (fast, portable, {})] == ["fast", "portable", "fast"]


def test_numpys_bits_do_not_depend_on_the_number_of_threads() -> None:
    portable = "from gap.runtime.arithmetic import set_arithmetic; set_arithmetic('portable')"
    product = "a = np.random.default_rng(0).random((300, 200)); print(hashlib.sha256((a @ a.T[:, :250]).tobytes()).hexdigest())"
    code = f"{portable}; import hashlib, numpy as np; {product}"
    counts = [{"OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count} for count in ("1", "2", "5")]
    assert len({subprocess.check_output([sys.executable, "-c", code], env=PLAIN | count) for count in counts}) == 1


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
