"""Which processor made a result."""

from __future__ import annotations

from pathlib import Path

from gap.runtime.provenance import cpu_model, machine


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
