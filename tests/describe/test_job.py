"""The job: what it writes, what it takes over, where it goes on, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny

from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.describe import session as module
from gap.describe.features import FEATURES
from gap.describe.gradients import FlatGradient, Target
from gap.describe.job import describe
from gap.describe.session import Session
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.params.describe import DescribeJob, GradientTask
from gap.runtime import journal
from gap.runtime.runtime import Runtime

from .conftest import cosine_between, settings

TEXTS = [tiny.essay(seed, 12) for seed in range(4)]
OUT = Path("features/texts.parquet")
CORPORA = ("code", "prose")


class Killed(Exception):
    pass


@pytest.fixture
def corpora(tmp_path: Path) -> dict[str, Path]:
    return {name: tiny.texts_table(tmp_path / f"{name}.parquet", name, TEXTS) for name in CORPORA}


@pytest.fixture
def items(tmp_path: Path) -> dict[str, dict[str, Path]]:
    rows = {
        "copa": [{"premise": f"The river {place} rose.", "choice1": "It rained.", "choice2": "It froze.", "question": "cause", "idx": place, "label": 1} for place in range(6)],
        "winogrande": [{"sentence": f"The motor fits the _ number {place} well.", "option1": "box", "option2": "bag", "answer": "1"} for place in range(6)],
    }  # fmt: skip
    for task, lines in rows.items():
        (tmp_path / f"{task}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return {task: {"validation": tmp_path / f"{task}.jsonl"} for task in rows}


def job(texts: range = range(2), tasks: tuple[str, ...] = ("copa", "winogrande"), basis: str = "b", **changes: Any) -> DescribeJob:
    return DescribeJob(
        model="nano",
        describe=settings(**changes),
        max_tokens=64,
        max_length=64,
        tasks=[GradientTask(task=task, split="validation", basis=f"{task}-{basis}") for task in tasks],
        corpora={corpus: f"{corpus}-key" for corpus in CORPORA},
        first=texts.start,
        last=texts.stop,
    )


def values(path: Path) -> pd.Series:
    return read_table(path, "text_features").set_index(["corpus", "text", "feature", "task"])["value"]


def counted(monkeypatch: pytest.MonkeyPatch, die_at: int = 10**9) -> dict[str, int]:
    """Count the texts that are read and the gradients that are taken; die at a gradient."""
    done = {"read": 0, "gradients": 0}

    def read(*arguments: Any) -> Any:
        done["read"] += 1
        return original(*arguments)

    class Counted(FlatGradient):
        def of(self, targets: Any) -> Any:
            if done["gradients"] == die_at:
                raise Killed
            done["gradients"] += 1
            return super().of(targets)

    original = module.read
    monkeypatch.setattr(module, "read", read)
    monkeypatch.setattr(module, "FlatGradient", Counted)
    return done


def test_the_table_holds_every_text_feature_and_task(model: Path, corpora: dict, items: dict) -> None:
    describe(job(), model, items, corpora, OUT, Runtime("cpu", 1))
    rows = read_table(OUT, "text_features")
    assert len(rows) == 4 * (len(FEATURES) + 2) and not rows.duplicated(["id", "feature", "task"]).any()
    assert list(rows["feature"][: len(FEATURES) + 2]) == [*FEATURES, "cosine", "cosine"]
    assert set(rows["weights"]) == {weights_digest(load_model(model))} and set(rows["model"]) == {"nano"}
    found = values(OUT)
    session = Session(job(), model, Runtime("cpu", 1))
    ids = session.encode(TEXTS[1])
    assert found["prose", 1, "tokens", ""] == len(ids) - 1
    for feature, value in session.features(ids).items():
        assert found["prose", 1, feature, ""] == value == found["code", 1, feature, ""]
    flat = FlatGradient(session.model)
    text = flat.of([Target(tuple(ids.tolist()), len(ids) - 1)]).clone()
    expected = cosine_between(text, flat.of(session.targets("copa", items["copa"]["validation"])))
    assert found["prose", 1, "cosine", "copa"] == pytest.approx(expected, abs=1e-12)
    record = json.loads(OUT.with_name("texts.provenance.json").read_text())
    assert record["weights"] == rows["weights"].iloc[0] and record["settings"]["describe"]["ngram"] == 3


def test_no_result_depends_on_shards_or_on_the_gradients_held_at_once(
    model: Path, corpora: dict, items: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(job(), model, items, corpora, Path("whole/texts.parquet"), Runtime("cpu", 1))
    for first in range(2):
        describe(job(range(first, first + 1)), model, items, corpora, Path(f"parts{first}/texts.parquet"), Runtime("cpu", 1))
    done = counted(monkeypatch)
    describe(job(gradients_gib=1e-9), model, items, corpora, Path("few/texts.parquet"), Runtime("cpu", 1))
    assert done == {"read": 4, "gradients": 2 + 2 * 4}, "one task at a time: every text's gradient twice"
    whole = values(Path("whole/texts.parquet")).sort_index()
    parts = pd.concat([values(Path(f"parts{first}/texts.parquet")) for first in range(2)]).sort_index()
    pd.testing.assert_series_equal(parts, whole, check_exact=True)
    pd.testing.assert_series_equal(values(Path("few/texts.parquet")).sort_index(), whole, check_exact=True)


def test_a_killed_job_goes_on_where_it_was(model: Path, corpora: dict, items: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    describe(job(), model, items, corpora, Path("whole/texts.parquet"), Runtime("cpu", 1))
    with monkeypatch.context() as patched:
        counted(patched, die_at=2 + 3)
        with pytest.raises(Killed):
            describe(job(), model, items, corpora, OUT, Runtime("cpu", 1))
    assert not OUT.exists() and len(list(journal.ROOT.rglob("*.parquet"))) == 4
    done = counted(monkeypatch)
    describe(job(), model, items, corpora, OUT, Runtime("cpu", 1))
    assert done == {"read": 0, "gradients": 2 + 1}
    pd.testing.assert_series_equal(values(OUT), values(Path("whole/texts.parquet")), check_exact=True)
    assert not list(journal.ROOT.rglob("*.parquet"))


def test_more_texts_or_another_task_compute_only_what_is_new(
    model: Path, corpora: dict, items: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(job(tasks=("copa",)), model, items, corpora, OUT, Runtime("cpu", 1))
    before, done = values(OUT), counted(monkeypatch)
    describe(job(range(3), ("copa",)), model, items, corpora, OUT.with_name("more.parquet"), Runtime("cpu", 1))
    assert done == {"read": 2, "gradients": 1 + 2}
    describe(job(), model, items, corpora, OUT.with_name("task.parquet"), Runtime("cpu", 1))
    assert done == {"read": 2, "gradients": 3 + 1 + 4}
    after = values(OUT.with_name("task.parquet"))
    pd.testing.assert_series_equal(after[before.index], before, check_exact=True)
    describe(job(range(1), ("winogrande",)), model, items, corpora, OUT.with_name("fewer.parquet"), Runtime("cpu", 1))
    assert done["gradients"] == 8 and len(values(OUT.with_name("fewer.parquet"))) == 2 * (len(FEATURES) + 1)


def test_other_items_or_weights_are_not_reused(
    model: Path, corpora: dict, items: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer: Path
) -> None:
    describe(job(tasks=("copa",)), model, items, corpora, OUT, Runtime("cpu", 1))
    done = counted(monkeypatch)
    describe(job(tasks=("copa",), basis="other"), model, items, corpora, OUT.with_name("items.parquet"), Runtime("cpu", 1))
    assert done == {"read": 0, "gradients": 1 + 4}
    describe(
        job(tasks=("copa",)),
        tiny.make_model(tmp_path / "m", tokenizer, seed=3),
        items,
        corpora,
        OUT.with_name("m.parquet"),
        Runtime("cpu", 1),
    )
    assert done == {"read": 4, "gradients": 2 * (1 + 4)}


def test_features_of_another_text_or_of_other_settings_are_not_reused(
    model: Path, corpora: dict, items: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Under the same ids, as a job written by hand can have them."""
    describe(job(tasks=("copa",)), model, items, corpora, OUT, Runtime("cpu", 1))
    done = counted(monkeypatch)
    changed = [f"{text} and more" for text in TEXTS]
    others = {name: tiny.texts_table(tmp_path / f"other-{name}.parquet", name, changed) for name in corpora}
    describe(job(tasks=("copa",)), model, items, others, OUT.with_name("others.parquet"), Runtime("cpu", 1))
    assert done == {"read": 4, "gradients": 1 + 4}
    describe(job(tasks=("copa",), ngram=1), model, items, corpora, OUT.with_name("ngram.parquet"), Runtime("cpu", 1))
    assert done == {"read": 8, "gradients": 2 * (1 + 4)}
    items["copa"]["validation"].write_text(items["copa"]["validation"].read_text().replace("rose", "fell"))
    describe(job(tasks=("copa",)), model, items, corpora, OUT.with_name("items.parquet"), Runtime("cpu", 1))
    assert done == {"read": 8, "gradients": 3 * (1 + 4)}


def test_items_longer_than_the_model_are_cut_to_its_positions(model: Path, items: dict) -> None:
    asked = job().model_copy(update={"max_length": 4096})
    row = {"premise": " ".join(TEXTS * 2), "choice1": "It rained.", "choice2": "It froze.", "question": "cause", "idx": 0, "label": 1}
    path = items["copa"]["validation"]
    path.write_text(f"{json.dumps(row)}\n")
    session = Session(asked, model, Runtime("cpu", 1))
    [target] = session.targets("copa", path)
    assert len(target.ids) == 64 + 1
    assert float(FlatGradient(session.model).of([target]).norm()) > 0


def test_without_tasks_there_are_no_gradients(model: Path, corpora: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    describe(job(tasks=(), gradient_items=0), model, {}, corpora, OUT, Runtime("cpu", 1))
    assert done == {"read": 4, "gradients": 0} and set(read_table(OUT, "text_features")["task"]) == {""}


def test_a_text_too_short_for_an_ngram_has_an_empty_value(model: Path, tmp_path: Path) -> None:
    corpora = {name: tiny.texts_table(tmp_path / f"{name}.parquet", name, ["a"]) for name in CORPORA}
    describe(job(range(1), ()), model, {}, corpora, OUT, Runtime("cpu", 1))
    found = values(OUT)
    assert found["code", 0, "extraction", ""] != found["code", 0, "extraction", ""] and found["code", 0, "tokens", ""] == 1


def test_wrong_input(model: Path, corpora: dict, items: dict, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"items of copa/validation: no file.*--items copa/validation=FILE"):
        describe(job(), model, {"winogrande": items["winogrande"]}, corpora, OUT, Runtime("cpu", 1))
    with pytest.raises(BadInput, match=r"no text 4"):
        describe(job(range(4, 5)), model, items, corpora, OUT, Runtime("cpu", 1))
    with pytest.raises(BadInput, match=r"corpus prose: no file"):
        describe(job(), model, items, {"code": corpora["code"]}, OUT, Runtime("cpu", 1))
    empty = {name: tiny.texts_table(tmp_path / f"empty-{name}.parquet", name, [""]) for name in CORPORA}
    with pytest.raises(BadInput, match="no token"):
        describe(job(range(1)), model, items, empty, OUT, Runtime("cpu", 1))
    (tmp_path / "bad.jsonl").write_text('{"premise": "p"}\n')
    with pytest.raises(BadInput, match=r"bad\.jsonl, line 1"):
        describe(job(), model, items | {"copa": {"validation": tmp_path / "bad.jsonl"}}, corpora, OUT, Runtime("cpu", 1))
    assert not OUT.exists()
