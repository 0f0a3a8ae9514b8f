"""The code behind a result: the closure of a module's imports, and the lock that tells a harmless change from another."""

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gap.core.errors import BadInput
from gap.plan import code
from gap.plan.stages import extension_units, units


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own: ``work`` imports ``helper`` inside a function and ``types`` for the type checker."""
    root = tmp_path / "gap"
    for name, text in {
        "work/__init__.py": '"""Work."""\n',
        "work/main.py": '"""Doc."""\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from gap.work.kinds import Kind\n\n\n'
        'def step(x):\n    """Say."""\n    from gap.core.helper import more\n\n    return more(x) + 1  # why\n',
        "work/kinds.py": "class Kind: ...\n",
        "work/page.html": "<p></p>\n",
        "core/__init__.py": "",
        "core/helper.py": "import json\n\n\ndef more(x):\n    return x\n",
        "core/other.py": "VALUE = 1\n",
        "__init__.py": '__version__ = "1"\n',
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", root)
    monkeypatch.setattr(code, "LOCK", tmp_path / "lock.json")
    code.forget()
    yield root
    code.forget()


UNIT = "gap.work.main"


def test_the_closure_follows_imports_inside_functions_but_not_those_of_type_checkers(package: Path) -> None:
    assert code.closure(UNIT) == ("gap.core", "gap.core.helper", UNIT)


def test_what_runs_in_place_of_an_import_for_type_checkers_counts(package: Path) -> None:
    (package / "work/main.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gap.work.kinds import Kind\nelse:\n    from gap.core.other import VALUE\n"
    )
    code.forget()
    assert code.closure(UNIT) == ("gap.core", "gap.core.other", UNIT)


@pytest.mark.parametrize(
    ("name", "text", "counts"),
    [
        ("work/main.py", '"""Other."""\n# more\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gap.work.kinds import Kind\n'
         'def step( x ):\n    """Else."""\n    from gap.core.helper import more\n    return (more(x) + 1)\n', False),
        ("work/main.py", "def step(x):\n    return x + 2\n", True),
        ("core/helper.py", "import json\n\n\ndef more(x):\n    return x + 1\n", True),
        ("core/other.py", "VALUE = 2\n", False),
        ("work/kinds.py", "class Kind:\n    x = 1\n", False),
        ("work/page.html", "<p>new</p>\n", True),
        ("__init__.py", '__version__ = "2"\n', False),
    ],
)  # fmt: skip
def test_what_counts(package: Path, name: str, text: str, counts: bool) -> None:
    before = code.code_digest(UNIT)
    (package / name).write_text(text)
    code.forget()
    assert (code.code_digest(UNIT) != before) is counts


def test_the_version_counts_where_it_is_imported(package: Path) -> None:
    (package / "work/main.py").write_text("from gap import __version__\n")
    code.forget()
    before = code.code_digest(UNIT)
    (package / "__init__.py").write_text('__version__ = "2"\n')
    code.forget()
    assert code.code_digest(UNIT) != before


def test_locked_code_counts_by_version_and_changed_code_by_itself(package: Path) -> None:
    assert code.code_version(UNIT) == code.code_digest(UNIT)
    assert code.lock_code([UNIT], new_results=True) == [UNIT]
    assert code.code_version(UNIT) == "v1" and code.changed_units([UNIT]) == []

    (package / "core/helper.py").write_text("def more(x):\n    return 0 + x\n")
    code.forget()
    assert code.code_version(UNIT) == code.code_digest(UNIT) and code.changed_units([UNIT]) == [UNIT]
    code.lock_code([UNIT], new_results=False)
    assert code.code_version(UNIT) == "v1"

    (package / "core/helper.py").write_text("def more(x):\n    return x - 1\n")
    code.forget()
    code.lock_code([UNIT], new_results=True)
    assert code.code_version(UNIT) == "v2"


def test_the_same_results_of_new_code_are_those_that_it_made_before_it_was_locked(package: Path) -> None:
    first = code.code_version(UNIT)
    assert code.new_units([UNIT]) == [UNIT]
    code.lock_code([UNIT], new_results=False)
    assert code.code_version(UNIT) == first and code.new_units([UNIT]) == code.changed_units([UNIT]) == []

    (package / "core/helper.py").write_text("def more(x):\n    return 0 + x\n")
    code.forget()
    code.lock_code([UNIT], new_results=False)
    assert code.code_version(UNIT) == first != code.code_digest(UNIT)
    (package / "core/helper.py").write_text("def more(x):\n    return x - 1\n")
    code.forget()
    code.lock_code([UNIT], new_results=True)
    assert code.code_version(UNIT) == "v1"


@pytest.mark.parametrize(
    "entry", ["3", "null", "[]", '"v1"', "{}", '{"version": 1}', '{"digest": "x"}', '{"version": null, "digest": "x"}', '{"version": true, "digest": "x"}',
              '{"version": 1, "digest": 5}'],
)  # fmt: skip
def test_an_entry_of_another_form_is_refused_with_its_cure(package: Path, entry: str) -> None:
    code.LOCK.write_text(f'{{"{UNIT}": {entry}}}')
    code.forget()
    for look in (lambda: code.code_version(UNIT), lambda: code.changed_units([UNIT]), lambda: code.lock_code([UNIT], new_results=False)):
        with pytest.raises(BadInput, match=f"{UNIT}.*git checkout -- src/gap/plan/code.lock.json"):
            look()


SOURCE = '''"""A module."""
from __future__ import annotations
import json as j
TOTAL: int = 3


class Thing(dict, metaclass=type):
    """Doc."""
    def method(self, a, /, b=1, *c, d: str = "x", **e) -> "Thing":
        """Doc."""
        with open(a) as f, open(b) as g:
            return [f"{a!r:>{b}} {c}" for x in j.loads(f.read()) if (y := x) is not None and not g]

    async def other(self):
        async for _ in self:
            yield lambda: {**self, "k": ...}, b"\\x00", 1e-3, "é\\u2028"
        match self:
            case {"a": [1, *rest]} | None:
                del rest
            case _:
                raise ValueError from None
'''


def test_the_dump_is_the_same_in_every_python() -> None:
    """Its digest was taken in Python 3.11; on 3.12 and 3.13 this test says whether they agree."""
    import hashlib

    dumped = code.canonical_dump(ast.parse(SOURCE))
    assert hashlib.sha256(dumped.encode()).hexdigest()[:16] == "981670edf38805cb"
    assert "=None" not in dumped and "=[]" not in dumped and "Doc." not in dumped and "A module" not in dumped


def test_every_extension_is_a_unit_of_its_own_and_belongs_to_no_stage() -> None:
    extensions = extension_units()
    assert {"gap.methods.directions.random", "gap.methods.transforms.lines", "gap.generators.brackets"} <= set(extensions)
    stages = set(units()) - set(extensions)
    assert not {module for stage in stages for module in code.closure(stage)} & set(extensions)
    assert len(set(map(code.code_digest, extensions))) == len(extensions)


#: Modules of ``gap.params`` that a heavy stage reaches; an edit in another stage's settings leaves its keys as they are.
SETTINGS = {
    "gap.fetch.items": {"items", "sources"},
    "gap.corpora.sample": {"corpora", "names", "sources"},
    "gap.pretrain.build_tokenizer": {"existing", "names", "sources", "tokenizers"},
    "gap.pretrain.build": {"existing", "models", "names", "sources", "tokenizers"},
    "gap.describe.job": {"describe", "runs"},
    "gap.posttrain.job": {"methods", "names", "posttrain", "runs"},
    "gap.evaluate.job": {"evaluate", "methods", "names", "runs"},
}


@pytest.mark.parametrize(("unit", "modules"), SETTINGS.items())
def test_a_stage_reaches_its_own_settings_alone(unit: str, modules: set[str]) -> None:
    assert {module.removeprefix("gap.params.") for module in code.closure(unit) if module.startswith("gap.params.")} == modules


@pytest.mark.parametrize("unit", ["gap.evaluate.job", "gap.posttrain.job", "gap.published.stage", "gap.report.stage", "gap.pretrain.build"])
def test_the_closure_holds_what_importing_loads(unit: str) -> None:
    """Against Python itself: the modules of this package that are loaded once the unit is imported."""
    program = f"import sys, {unit}; print(*sorted(name for name in sys.modules if name.startswith('gap.')))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    extensions = set(extension_units())
    # extensions are loaded by the registries of their packages, which no import statement names
    reached = {module for name in (unit, *extensions) for module in code.closure(name)} | {name.rpartition(".")[0] for name in extensions}
    assert set(loaded) <= reached


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of the package, to be edited; in memory where there is such a place, for a disk waits at every file that is written again."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield shutil.copytree(code.ROOT, Path(folder) / "gap", ignore=shutil.ignore_patterns("__pycache__", "*.jsonl"))


@pytest.mark.parametrize("unit", units())
def test_an_edit_reaches_the_units_that_reach_it_and_no_others(unit: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All modules outside the closure are edited at once, then some inside it, one after the other."""
    monkeypatch.setattr(code, "ROOT", copy)
    code.forget()
    before, closure = code.code_digest(unit), set(code.closure(unit))
    texts = {path: path.read_text(encoding="utf-8") for path in copy.rglob("*.py")}
    inside = {path: text for path, text in texts.items() if _module(path, copy) in closure}
    assert len(inside) == len(closure)

    def digest_with(edited: Iterable[Path]) -> str:
        for path in edited:
            path.write_text(f"{texts[path]}\nADDED = 1\n", encoding="utf-8")
        code.forget()
        try:
            return code.code_digest(unit)
        finally:
            for path in edited:
                path.write_text(texts[path], encoding="utf-8")
            code.forget()

    assert digest_with(texts.keys() - inside.keys()) == before
    chosen = random.Random(unit).sample(sorted(inside), min(3, len(inside)))
    assert all(digest_with([path]) != before for path in chosen)


def _module(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(("gap", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def test_the_shipped_lock_is_current() -> None:
    assert code.changed_units(units()) == [], "run `gap lock-code --new-results` (or --same-results) and commit the lock"


def test_what_files_say_is_kept_and_changed_files_are_read_anew(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reads: list[ast.Module] = []
    dump = code.canonical_dump
    monkeypatch.setattr(code, "canonical_dump", lambda node: (reads.append(node) if isinstance(node, ast.Module) else None, dump(node))[1])

    def digest() -> tuple[str, int]:
        """The unit's digest in a new process, and how many files it read for it."""
        code.forget()
        reads.clear()
        return code.code_digest(UNIT), len(reads)

    first, files = digest()
    assert files == 3 and digest() == (first, 3)
    code.remember()
    assert digest() == (first, 0)
    (package / "core/helper.py").write_text("def more(x):\n    return x + 1\n")
    other, files = digest()
    assert other != first and files == 1
    code.remember()
    assert digest() == (other, 0)
    # the first content was forgotten
    (package / "core/helper.py").write_text("import json\n\n\ndef more(x):\n    return x\n")
    assert digest() == (first, 1)
    kept = code.CACHE.read_text()
    for damaged in ("", "[]", "{", kept[:50]):
        code.CACHE.write_text(damaged)
        assert digest() == (first, 3)
    # kept by another way of reading
    code.CACHE.write_text(kept)
    monkeypatch.setattr(code, "_own_digest", lambda: b"other")
    assert digest() == (first, 3)
