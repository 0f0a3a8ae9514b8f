"""The code lock: a change of code changes keys, unless it is declared harmless."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gap.plan import code


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "gap"
    (root / "posttrain").mkdir(parents=True)
    (root / "posttrain/ascent.py").write_text('"""Doc."""\n\n\ndef step(x):\n    """Say."""\n    return x + 1  # why\n')
    monkeypatch.setattr(code, "ROOT", root)
    monkeypatch.setattr(code, "LOCK", tmp_path / "lock.json")
    monkeypatch.setattr(code, "STAGES", {"posttrain": ("posttrain",)})
    monkeypatch.setattr(code, "units", lambda: ["posttrain"])
    forget()
    yield root
    forget()


def forget() -> None:
    code.unit_digest.cache_clear()
    code.locked.cache_clear()


def rewrite(package: Path, text: str) -> None:
    (package / "posttrain/ascent.py").write_text(text)
    forget()


def test_comments_docstrings_and_layout_do_not_count(package: Path) -> None:
    before = code.unit_digest("posttrain")
    rewrite(package, '"""Other."""\n# more\ndef step( x ):\n    """Else."""\n    return (x + 1)\n')
    assert code.unit_digest("posttrain") == before
    rewrite(package, "def step(x):\n    return x + 2\n")
    assert code.unit_digest("posttrain") != before


def test_locked_code_counts_by_version_and_changed_code_by_itself(package: Path) -> None:
    assert code.code_version("posttrain") == code.unit_digest("posttrain")
    assert code.lock_code(new_results=True) == ["posttrain"]
    forget()
    assert code.code_version("posttrain") == "v1" and code.changed_units() == []

    rewrite(package, "def step(x):\n    return 1 + x\n")
    assert code.code_version("posttrain") == code.unit_digest("posttrain") and code.changed_units() == ["posttrain"]
    code.lock_code(new_results=False)
    forget()
    assert code.code_version("posttrain") == "v1"

    rewrite(package, "def step(x):\n    return x - 1\n")
    code.lock_code(new_results=True)
    forget()
    assert code.code_version("posttrain") == "v2"


def test_a_new_module_counts(package: Path) -> None:
    before = code.unit_digest("posttrain")
    shutil.copy(package / "posttrain/ascent.py", package / "posttrain/other.py")
    forget()
    assert code.unit_digest("posttrain") != before


def test_every_extension_is_a_unit_of_its_own_and_belongs_to_no_stage() -> None:
    named = [unit for unit in code.units() if unit.startswith("gap.")]
    assert {"gap.methods.directions.random", "gap.methods.transforms.lines", "gap.generators.brackets"} <= set(named)
    assert all(len(code.unit_digest(unit)) == 12 for unit in named) and len(set(map(code.unit_digest, named))) == len(named)
    own = [entry for entries in code.STAGES.values() for entry in entries]
    assert not any(entry in ("methods", "generators") or entry.startswith(("methods/transforms", "methods/directions")) for entry in own)


def test_the_shipped_lock_is_current() -> None:
    assert code.changed_units() == [], "run `gap lock-code --new-results` (or --same-results) and commit the lock"
