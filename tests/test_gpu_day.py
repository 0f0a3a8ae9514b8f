"""benchmarks/gpu_day.py, rehearsed on a CPU."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks/gpu_day.py"
SPEC = importlib.util.spec_from_file_location("gpu_day", SCRIPT)
assert SPEC and SPEC.loader
gpu_day = importlib.util.module_from_spec(SPEC)
sys.modules["gpu_day"] = gpu_day
SPEC.loader.exec_module(gpu_day)


def called(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu_day.py", "--device", "cpu", *map(str, arguments)])
    return gpu_day.main()


def test_without_time_every_check_is_named_and_none_is_begun(tmp_path, monkeypatch):
    out = tmp_path / "day.json"
    assert called("--minutes", 0, "--json", out, monkeypatch=monkeypatch) == 0
    checks = json.loads(out.read_text())["checks"]
    assert {check["status"] for check in checks.values()} == {"no time"}
    assert list(checks)[:2] == ["runs", "small ours"] and {"kernels", "replay host", "scaler", "small", "large hflm"} <= set(checks)


def test_a_check_that_fails_says_why_and_stops_no_other(tmp_path, monkeypatch):
    out = tmp_path / "day.json"
    failing = gpu_day.Check("failing", "?", ("no_such_script.py",), 0)
    passing = gpu_day.Check("passing", "?", ("scaler.py", "--help"), 0)
    monkeypatch.setattr(gpu_day, "checks", lambda *_: [failing, passing])
    assert called("--minutes", 1, "--json", out, monkeypatch=monkeypatch) == 1
    checks = json.loads(out.read_text())["checks"]
    assert checks["failing"]["status"] == "failed" and "no_such_script.py" in checks["failing"]["error"]
    assert checks["passing"]["status"] == "passed" and checks["passing"]["result"] is None
    assert list(tmp_path.iterdir()) == [out]


def test_a_check_is_cut_when_its_time_is_over():
    found = gpu_day.run(gpu_day.Check("long", "?", ("gpu_day.py", "--one", "kernels", "--device", "cpu", "--shape", "tiny"), 0), 0.2)
    assert found["status"] == "cut" and found["result"] is None


def test_what_has_passed_is_not_done_again(tmp_path, monkeypatch):
    out = tmp_path / "day.json"
    out.write_text(
        json.dumps({"device": "cpu", "items": 2, "checks": {"runs": {"status": "passed", "result": {"known": 1}, "seconds": 3}}})
    )
    assert called("--minutes", 0, "--json", out, monkeypatch=monkeypatch) == 0
    assert json.loads(out.read_text())["checks"]["runs"] == {"status": "passed", "result": {"known": 1}, "seconds": 3}
    with pytest.raises(SystemExit, match="another device or number of items"):
        called("--minutes", 0, "--json", out, "--items", 3, monkeypatch=monkeypatch)


def test_ratios_are_of_the_same_shape_and_carry_their_goals():
    def row(scorer, seconds):
        return {"status": "passed", "result": {"scorer": scorer, "seconds": seconds, "utilisation": 0.3}}

    found = {"small ours": row("ours", 2.0), "small hflm": row("hflm", 18.0), "large ours": row("ours", 4.0)}
    summary = gpu_day.summary(found)
    assert summary["ratios"]["small: hflm / ours"] == {"measured": 9.0, "goal": 8.0}
    assert summary["ratios"]["large: share of peak FLOPs"] == {"measured": 0.3, "goal": 0.4}
    assert "large: hflm / ours" not in summary["ratios"] and len(summary["rows"]) == 3


@pytest.mark.slow
def test_the_device_agrees_with_a_cpu(tmp_path, monkeypatch):
    out = tmp_path / "day.json"
    assert called("--minutes", 10, "--only", "runs", "--json", out, monkeypatch=monkeypatch) == 0
    found = json.loads(out.read_text())["checks"]
    assert found["runs"]["status"] == "passed" and found["runs"]["result"]["same_bits_again"]
    assert found["runs"]["result"]["scores_from_cpu"] == 0 and found["runs"]["result"]["trees_from_plain"] < 1e-4
    assert found["small"] == {"status": "not asked for"}


@pytest.mark.nightly
def test_every_check_passes_on_a_tiny_shape(tmp_path, monkeypatch):
    out = tmp_path / "day.json"
    assert called("--minutes", 60, "--json", out, monkeypatch=monkeypatch) == 0
    found = json.loads(out.read_text())
    assert {name: check["status"] for name, check in found["checks"].items() if check["status"] != "passed"} == {}
    rows = found["checks"]["small"]["result"]["rows"]
    assert {(row[0], row[3]) for row in rows} == {
        ("unmodified", 0), ("ascent", 1), ("ascent", 2), ("descent", 1), ("descent", 2), ("random", 1), ("random", 2)
    }  # fmt: skip
    assert len(found["rows"]) == 12
