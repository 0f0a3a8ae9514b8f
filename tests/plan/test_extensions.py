"""An extension's code stands in the keys that use it and in no others; a metadata line in those of its corpus."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from gap.params.corpora import Corpus
from gap.params.load import resolve
from gap.plan import code
from gap.plan.plan import Plan
from gap.plan.stages import corpora, models, tokenizers

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
SHIPPED: dict[str, Any] = next(block for block in BLOCKS if "sources" in block)
CORPORA = ["seen", "prose", "code", *SHIPPED["corpora"]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of src/gap that the code digests are taken of."""
    shutil.copytree(code.ROOT, tmp_path / "gap", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "ROOT", tmp_path / "gap")
    forget()
    yield tmp_path / "gap"
    forget()


def forget() -> None:
    code.forget()


def plan(**changes: Any) -> Plan:
    """The demo with the page's procedural corpora, and a tokenizer that reads one of them."""
    raw = copy.deepcopy(RAW)
    demo = raw["studies"]["demo"]
    demo["sources"] |= copy.deepcopy(SHIPPED["sources"])
    demo["corpora"] |= copy.deepcopy(SHIPPED["corpora"])
    demo["tokenizers"]["mixed"] = {"kind": "train", "mixture": {"docs": 1.0, "copy": 1.0}, "vocab_size": 512, "max_bytes": 10000}
    demo["models"]["mixed"] = demo["models"]["nano-s"] | {"label": "mixed", "tokenizer": "mixed", "mixture": {"docs": 1.0, "copy": 1.0}}
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = raw
        for part in outer:
            place = place[part]
        place[last] = value
    return Plan(resolve(raw))


def keys(made: Plan) -> dict[str, str]:
    found = {f"corpus {name}": corpora.key(made, name, "docs-bpe") for name in CORPORA}
    found |= {f"tokenizer {name}": tokenizers.key(made, name) for name in made.study.tokenizers}
    return found | {f"model {name}": models.key(made, name) for name in made.study.models}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


ALL_PROCEDURAL = {f"corpus {name}" for name in SHIPPED["corpora"]} | {"tokenizer mixed", "model mixed"}


def test_a_generators_code_reaches_what_uses_it(source: Path) -> None:
    before = keys(plan())
    path = source / "generators/reverse.py"
    path.write_text(path.read_text().replace('"""One line', '"""Still one line'))
    forget()
    assert changed(before, keys(plan())) == set()
    path.write_text(path.read_text().replace("[::-1]", ""))
    forget()
    assert changed(before, keys(plan())) == {"corpus reverse"}
    path = source / "generators/copy.py"
    path.write_text(path.read_text() + "\n\nOTHER = 1\n")
    forget()
    assert changed(before, keys(plan())) == {"corpus reverse", "corpus copy", "tokenizer mixed", "model mixed"}


def test_a_new_kind_reaches_nothing(source: Path) -> None:
    before = keys(plan())
    examples = re.findall(r"`src/gap/(\S+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert {name.split("/")[0] for name, _ in examples} == {"generators", "methods", "tasks", "figures", "aggregate"}
    for name, text in examples:
        (source / name).write_text(text)
    forget()
    assert all((source / name).exists() for name, _ in examples)
    assert changed(before, keys(plan())) == set()


def test_how_numbers_are_drawn_reaches_all_procedural_text_and_nothing_else(source: Path) -> None:
    before = keys(plan())
    path = source / "core/random_stream.py"
    path.write_text(path.read_text().replace(">> 64", ">> 63"))
    forget()
    assert changed(before, keys(plan())) == ALL_PROCEDURAL


def test_the_seed_and_the_settings_make_the_text() -> None:
    before = keys(plan())
    # a tokenizer is trained on what there is: the seed reaches one that reads procedural text only
    moved = changed(before, keys(plan(seed=1)))
    assert {name for name in moved if name.startswith("tokenizer")} == {"tokenizer mixed"} and moved >= ALL_PROCEDURAL
    longer = SHIPPED["sources"]["sets"]["generator"] | {"longest": 17}
    assert changed(before, keys(plan(studies__demo__sources__sets__generator=longer))) == {"corpus sets"}
    assert changed(before, keys(plan(studies__demo__sources__sums__lines=81))) == {"corpus sums"}


def test_a_metadata_line_makes_another_corpus() -> None:
    before = keys(plan())
    titled, sourced = (keys(plan(studies__demo__corpora__prose__metadata=kind)) for kind in ("title", "source"))
    assert changed(before, titled) == changed(before, sourced) == changed(titled, sourced) == {"corpus prose"}


def test_the_pages_titled_corpus_is_valid_in_the_demo() -> None:
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    [entry] = [block for block in blocks if "titled" in block.get("corpora", {})]
    made = plan(studies__demo__corpora__titled=entry["corpora"]["titled"])
    assert made.study.corpora["titled"].metadata == "title"
    assert corpora.key(made, "titled", "docs-bpe") != corpora.key(made, "prose", "docs-bpe")


def test_corpora_without_a_line_are_those_from_before_the_key() -> None:
    corpus = {"source": "s", "part": "all", "window": 200, "near_duplicates": 0.8, "overlap": "report"}
    assert Corpus(**corpus, metadata="none", label="x").identity() == corpus
    assert Corpus(**corpus, metadata="title").identity() == corpus | {"metadata": "title"}


def test_the_title_column_matters_to_corpora_with_titles(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,name,other\nx,y,z\n")

    def made(column: str | None, metadata: str) -> dict[str, str]:
        table = {"kind": "csv", "path": "a.csv", "column": "text", "title_column": column, "heldout": 0.0}
        prose = RAW["studies"]["demo"]["corpora"]["prose"] | {"source": "copy", "part": "all"}
        return keys(plan(studies__demo__sources__copy=table, studies__demo__corpora__prose=prose | {"metadata": metadata}))

    assert changed(made(None, "none"), made("name", "none")) == set()
    assert changed(made("name", "title"), made("other", "title")) == {"corpus prose"}


def test_the_pages_methods_are_valid_in_the_demo() -> None:
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
    [entry] = [block for block in blocks if "descent" in block.get("methods", {})]
    made = plan(studies__demo__methods=entry["methods"])
    assert len(made.study.methods) == len(entry["methods"]) + 3 and made.primary == "ascent"
    shown = {part for method in made.study.methods.values() for part in method.modules}
    [table] = re.findall(r"\| part \| kinds \| chooses \|\n(.*?)\n\n", PAGE, re.DOTALL)
    kinds = {kind for line in table.splitlines() for kind in re.findall(r"`(\w+)`", line.split("|")[2])}
    assert kinds - {module.rpartition(".")[2] for module in shown} == {"label_smoothing"}
