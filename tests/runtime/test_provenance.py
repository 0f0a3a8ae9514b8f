"""Which processor made a result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gap.runtime.provenance import LOADED, cpu_model, machine, process_start


def test_the_processor_is_named_as_the_system_names_it(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 7763: 64-Core\n\nprocessor\t: 1\nmodel name\t: other\n"
    )
    assert cpu_model(file) == "AMD EPYC 7763: 64-Core"
    file.write_text("CPU implementer : 0x41\n")
    assert cpu_model(file) == ""
    assert isinstance(cpu_model(tmp_path / "absent"), str)
    assert machine()["cpu"] == cpu_model()


def test_a_record_begins_with_the_process_and_not_with_its_last_import() -> None:
    program = "import time; before = time.time(); from gap.runtime.provenance import process_start; print(before - process_start())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert -0.02 <= float(done.stdout) < 600  # the system counts in hundredths of a second


def test_where_the_system_tells_no_start_it_is_that_of_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert process_start() == LOADED
