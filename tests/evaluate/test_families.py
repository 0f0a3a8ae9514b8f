"""Every family of models through every stage that opens one, against the naive scorer; none ends in a traceback."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from families import FAMILIES, FEW, make_family
from naive import naive_answer, naive_sum
from scored import evaluate_one

from gap.core.tables import read_table
from gap.describe.job import describe
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer
from gap.params.describe import Describe, DescribeJob, GradientTask
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain.job import posttrain
from gap.runtime.runtime import Runtime
from gap.tasks.items import load_items

WORDS = ["the cat", "sat on", "a mat", "you said", "that it", "is not so ,", "but I", "think we", "can go", "there now .", "Yes ?"]
HOW = Evaluate(items=6, splits=["validation"], precision="fp32", replay_tolerance=0, max_length=120, max_new_tokens=8, batch_tokens=300)
CPU = Runtime("cpu", 1)


def text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words))


@pytest.fixture(scope="module")
def world(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Items, the short ones first, and two texts."""
    folder, draw = tmp_path_factory.mktemp("families"), random.Random(0)
    choices = [
        {"ctx": text(draw, size), "endings": [text(draw, draw.randint(1, 4)) for _ in range(4)], "label": "0"}
        for size in (1, 2, 1, 2, 17, 22)
    ]
    turns = [{"text": [text(draw, size), "it is not so now"]} for size in (1, 1, 2, 2, 14, 20)]
    for name, rows in {"hellaswag": choices, "wizard_of_internet": turns}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tiny.texts_table(folder / "texts.parquet", "some", [text(draw, 12), text(draw, 3)])
    return {"folder": folder, "tokenizer": tokenizer_folder}


@pytest.mark.parametrize("name", [name if name in FEW else pytest.param(name, marks=pytest.mark.nightly) for name in FAMILIES])
def test_a_family_goes_through_every_stage(world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    folder, corpora = tmp_path / "model", {"some": world["folder"] / "texts.parquet"}
    make_family(name).save_pretrained(folder)
    for path in world["tokenizer"].iterdir():
        shutil.copy(path, folder)

    model, tokenizer = load_model(folder), load_tokenizer(folder)
    for task in ("hellaswag", "wizard_of_internet"):
        items, out = world["folder"] / f"{task}.jsonl", Path(f"scores/{task}.parquet")
        job = EvaluateJob(model=name, method="", tasks=[ScoredTask(task=task, split="validation")], evaluate=HOW, items=6)
        evaluate_one(job, folder, items, {}, None, out, CPU)
        for item, row in zip(load_items(task, items, 6), read_table(out, "item_scores").itertuples(), strict=True):
            found: Any = item
            if task == "hellaswag":
                wanted = [naive_sum(model, tokenizer, found.context, choice, 120) for choice in found.continuations]
                np.testing.assert_allclose(row.log_probabilities, wanted, rtol=0, atol=1e-4)
            else:
                assert row.response == naive_answer(model, tokenizer, found.prompt, 120, 8)
                assert row.nll == pytest.approx(-naive_sum(model, tokenizer, found.prompt, f" {found.reference}", 120), abs=1e-4)

    settings = tiny.method(learning_rate=1e-3, max_tokens=64)
    runs = [RunId(run="run", corpus="some", text=0)]
    posttrain(PosttrainJob(model=name, method="gap", settings=settings, updates=2, runs=runs), folder, corpora, Path("runs/r.parquet"), CPU)
    losses = read_table(Path("runs/r.parquet"), "trajectories")["loss"]
    assert losses.iloc[2] > losses.iloc[1]

    features = Describe(ngram=2, prefixes=3, continuation=8, gradient_items=2, gradients_gib=1)
    tasks = [GradientTask(task="hellaswag", split="validation", basis="b")]
    described = DescribeJob(
        model=name, describe=features, max_tokens=64, max_length=100, tasks=tasks, corpora={"some": "k"}, first=0, last=2
    )
    describe(
        described, folder, {"hellaswag": {"validation": world["folder"] / "hellaswag.jsonl"}}, corpora, Path("features/f.parquet"), CPU
    )
    table = read_table(Path("features/f.parquet"), "text_features")
    assert table.loc[table["feature"] == "nll", "value"].iloc[0] == pytest.approx(losses.iloc[1], abs=1e-4)
