"""Hostile input: it is refused in one paragraph, or gives what it says; never a traceback, never half a file.

Each test draws a valid input, spoils it in one or more places, and opens it as the pipeline does.  What may come out is a result
that holds its own invariants, or a ``GapError``.  Anything else is a defect.
"""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gap.core.checksums import check_sums
from gap.core.errors import BadInput, GapError
from gap.core.files import read_json, read_jsonl, read_object
from gap.core.folder import filling
from gap.core.tables import TABLES, read_table, write_table
from gap.corpora.documents import documents
from gap.fetch.items import read_file
from gap.fetch.source_file import MINIATURE
from gap.params.load import load_study, resolve
from gap.params.sources import TableSource
from gap.params.study import Study
from gap.plan.document import plan_document
from gap.plan.plan import Plan
from gap.plan.stages import light_stages
from gap.tasks.items import Dialogue, load_items, make_item
from gap.tasks.registry import TASKS

ROOT = Path(__file__).resolve().parents[2]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())

#: What people and programs write where something else belongs.
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 3.5, 2**70, 10**400, float("inf"), float("-inf"), float("nan"), 1e-320, "", " ", "\n", "x/y", "../x", "a b", "{x}",
    "é", "\ud800", "\0", "null", "-1", "1e5", "facebook/opt-125m", "." , "$x_1$", "a" * 400, [], {}, [None], [[]], [1, 1], {"kind": None},
    {"kind": "x"}, {"": 1}, {"a": {"b": {"c": 1}}},
]  # fmt: skip
hostile = st.sampled_from(HOSTILE) | st.text(max_size=8) | st.floats() | st.integers()


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a tree of mappings and lists."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def spoil(tree: Any, path: tuple[Any, ...], how: str, value: Any) -> Any:
    """The tree with one place replaced, removed, renamed, doubled or added to."""
    tree = copy.deepcopy(tree)
    if not path:
        return value if how == "replace" else tree
    outer = tree
    for key in path[:-1]:
        outer = outer[key]
    last = path[-1]
    if how == "replace":
        outer[last] = value
    elif how == "remove":
        del outer[last]
    elif isinstance(outer, list):
        outer.append(copy.deepcopy(outer[last]))
    elif how == "rename":
        outer[value if isinstance(value, str | int | float | bool) or value is None else str(value)] = outer.pop(last)
    else:
        outer[f"{last}x"] = outer[last]
    return tree


HOWS = st.sampled_from(["replace", "replace", "replace", "remove", "rename", "double"])


@pytest.mark.parametrize("study", sorted(PARAMS["studies"]))
@given(data=st.data())
def test_parameters(study: str, data: st.DataObject) -> None:
    """A study is refused, or planned with outputs that lie inside its folders."""
    tree: dict[str, Any] = {**copy.deepcopy(PARAMS), "study": study, "studies": {study: copy.deepcopy(PARAMS["studies"][study])}}
    for _ in range(data.draw(st.integers(1, 2))):
        where = data.draw(st.sampled_from(places(tree)[1:]))
        tree = spoil(tree, where, data.draw(HOWS), data.draw(hostile))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("GAP_MIRROR", raising=False)
        try:
            made = resolve(tree)
            if isinstance(made, Study):
                plan = Plan(made)
                document = plan_document(plan, light_stages(plan))
                json.dumps(document, allow_nan=False)
                for entry in document["scores"]:
                    assert Path(entry["path"]).parts[:2] == ("results", made.name) and ".." not in Path(entry["path"]).parts
        except GapError as error:
            assert "\n" not in str(error.where) and error.cure
        assert not [path for path in Path(folder).rglob("*") if path.is_file() and path.suffix == ".tmp"]


@given(
    text=st.text(max_size=60)
    | st.sampled_from(["study: [", "a: 1\na: 2", "!!python/object:x.y {}", "&a [*a]", "\t", "---\n---\n", "study: 1"])
)
def test_parameter_files(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(BadInput):
            load_study(path)


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """Bytes changed, cut, doubled or put in."""
    raw = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at, how = data.draw(st.integers(0, max(0, len(raw) - 1))), data.draw(st.sampled_from(["flip", "cut", "put", "double"]))
        if how == "flip" and raw:
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del raw[at : at + data.draw(st.integers(1, 40))]
        elif how == "put":
            raw[at:at] = data.draw(
                st.binary(min_size=1, max_size=6) | st.sampled_from([b'"', b",", b"\n", b"\0", b"\xff", b"{", b"\\ud800", b"\r"])
            )
        else:
            raw[at:at] = raw[at : at + 20]
    return bytes(raw)


ROWS = [{"id": f"d{number}", "text": f'Text "{number}", with a comma\nand a second line.'} for number in range(5)]


def as_csv() -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ["id", "text"])
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue().encode()


def as_parquet() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


CONTENT = {"csv": as_csv(), "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(), "parquet": as_parquet()}


@pytest.mark.parametrize("kind", CONTENT)
@given(data=st.data())
def test_corpora(kind: Any, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes(mutated(CONTENT[kind], data))
        try:
            for document in documents(TableSource(kind=kind, path=str(path), column="text", id_column="id"), "all", 0):
                assert isinstance(document.text, str) and document.text.strip()
                document.text.encode()
        except GapError as error:
            assert error.cure


@pytest.mark.parametrize("task", sorted(name for name, task in TASKS.items() if task.lm_eval_source is None))
@given(data=st.data())
def test_items(task: str, data: st.DataObject) -> None:
    """A row is refused, dropped by the protocol, or an item whose every part is text and whose answer is among its choices."""
    rows = read_file(MINIATURE / TASKS[task].folder / "validation.jsonl")
    row: Any = data.draw(st.sampled_from(rows[:10]))
    for _ in range(data.draw(st.integers(1, 2))):
        row = spoil(row, data.draw(st.sampled_from(places(row)[1:] or [()])), data.draw(HOWS), data.draw(hostile))
    try:
        item = make_item(TASKS[task], row, "here") if isinstance(row, dict) else None
    except GapError as error:
        assert error.where.startswith("here") and error.cure
        return
    if isinstance(item, Dialogue):
        assert isinstance(item.prompt, str) and isinstance(item.reference, str)
    elif item is not None:
        assert isinstance(item.context, str) and 0 <= item.gold < len(item.continuations)
        assert all(isinstance(text, str) and text.strip() for text in item.continuations)


@given(data=st.data())
def test_files_of_items(data: st.DataObject) -> None:
    content = b"".join(json.dumps({"goal": f"g {n}", "sol1": "a", "sol2": "b", "label": n % 2}).encode() + b"\n" for n in range(6))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "validation.jsonl"
        path.write_bytes(mutated(content, data))
        try:
            assert 1 <= len(load_items("piqa", path, 10)) <= 10
        except GapError as error:
            assert str(path) in error.where


@given(content=st.binary(max_size=80) | st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"1e999", b"NaN", b"9" * 5000]))
def test_json(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(content)
        for read in (read_json, read_object, read_jsonl):
            try:
                read(path)
            except GapError as error:
                assert str(path) in error.where and error.cure


def rows_of(name: str) -> pd.DataFrame:
    """Valid rows of any table, by the types of its columns."""
    made = {
        "int32": lambda row: row, "int64": lambda row: row, "double": lambda row: row / 7, "bool": lambda row: row % 2 == 0,
        "string": lambda row: f"text {row} " * 6, "dictionary": lambda row: f"name{row % 3}", "list<double>": lambda row: [row / 3, -row / 9],
    }  # fmt: skip
    return pd.DataFrame({column: [made[kind](row) for row in range(60)] for column, (kind, _) in TABLES[name].items()})


@pytest.mark.parametrize("name", sorted(TABLES))
@given(seed=st.integers(0, 2**32))
def test_flipped_bits_of_a_table(name: str, seed: int) -> None:
    """Four flips: each is noticed, or changes nothing that is read."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        write_table(rows_of(name), path, name)
        whole, wanted = path.read_bytes(), read_table(path, name)
        for bit in draw.sample(range(8 * len(whole)), 4):
            content = bytearray(whole)
            content[bit // 8] ^= 1 << bit % 8
            path.write_bytes(bytes(content))
            try:
                found = read_table(path, name)
            except GapError:
                continue
            pd.testing.assert_frame_equal(found, wanted)


@given(seed=st.integers(0, 2**32))
def test_flipped_bits_of_a_folder(seed: int) -> None:
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        with filling(folder, "last.json") as made:
            (made / "weights.bin").write_bytes(np.random.default_rng(seed).bytes(500))
            (made / "last.json").write_text("{}")
        path = folder / draw.choice(["weights.bin", "last.json"])
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(content))
        with pytest.raises(BadInput, match="changed since it was made"):
            check_sums(folder.iterdir())
