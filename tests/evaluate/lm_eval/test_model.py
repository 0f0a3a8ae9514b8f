"""The scorer inside lm-eval: what its HF backend says of the same requests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model
from lm_eval.models.huggingface import HFLM

from gap.evaluate.lm_eval.model import TreeLM
from gap.fetch.source_file import MINIATURE
from gap.tasks.export import export_tasks
from gap.tasks.registry import TASKS

PAIRS = [
    ("the cat sat on", " a mat"), ("the cat sat on", " the cat and you"), ("the cat sat on", " a"), ("", " yes"), ("User 1:", " no, I think so ."),
    ("the cat sat on", " a mat"), ("you said that it is not so, but I think we can go there now. " * 4, " Yes ? No !"),
]  # fmt: skip


def requests(pairs: list[tuple[str, str]]) -> list[Instance]:
    return [Instance("loglikelihood", {}, pair, place) for place, pair in enumerate(pairs)]


@pytest.fixture(scope="module")
def both(model_folder: Path) -> tuple[HFLM, TreeLM]:
    kinds: list[Any] = [HFLM, get_model("gap")]
    made = [
        kind(pretrained=str(model_folder), add_bos_token=True, max_length=60, batch_size=2, device="cpu", dtype="float32") for kind in kinds
    ]
    return made[0], made[1]


def test_log_likelihoods_and_greedy_flags_agree(both: tuple[HFLM, TreeLM]) -> None:
    stock, ours = both
    # a greedy continuation, so that the flag is true at least once
    context = stock.tok_encode("the cat")
    import torch

    token = int(stock.model(torch.tensor([context])).logits[0, -1].argmax())
    pairs = [*PAIRS, ("the cat", stock.tokenizer.decode([token]))]
    theirs, mine = (model.loglikelihood(requests(pairs), disable_tqdm=True) for model in (stock, ours))
    np.testing.assert_allclose([score for score, _ in mine], [score for score, _ in theirs], rtol=0, atol=1e-4)
    assert [flag for _, flag in mine] == [flag for _, flag in theirs]
    assert ours._layout == "tree"
    assert ours._network is not None and ours._network.model is not ours.model, "it has a scoring_model"


def test_mixed_precision_is_the_backends(model_folder: Path, both: tuple[HFLM, TreeLM]) -> None:
    """Nearer to its log-likelihoods in half precision than those in fp32 are."""
    how: dict[str, Any] = {
        "pretrained": str(model_folder), "add_bos_token": True, "max_length": 60, "batch_size": 1, "device": "cpu", "dtype": "float32",
        "mixed_precision_dtype": "bfloat16", "softmax_dtype": "float32",
    }  # fmt: skip
    theirs, mine = (
        np.array([score for score, _ in kind(**how).loglikelihood(requests(PAIRS), disable_tqdm=True)]) for kind in (HFLM, TreeLM)
    )
    whole = np.array([score for score, _ in both[1].loglikelihood(requests(PAIRS), disable_tqdm=True)])
    assert 0.01 < np.abs(mine - whole).max() < 0.5
    assert np.sqrt(np.mean((mine - theirs) ** 2)) < np.sqrt(np.mean((whole - theirs) ** 2))


def test_weights_in_half_precision_have_no_scoring_model(model_folder: Path) -> None:
    how: dict[str, Any] = {"pretrained": str(model_folder), "max_length": 60, "batch_size": 1, "device": "cpu", "dtype": "bfloat16"}
    ours = TreeLM(**how)
    theirs, mine = (
        np.array([score for score, _ in model.loglikelihood(requests(PAIRS), disable_tqdm=True)]) for model in (HFLM(**how), ours)
    )
    assert ours._network is not None and ours._network.model is ours.model
    np.testing.assert_allclose(mine, theirs, rtol=0.01, atol=0.5)


def test_no_requests_choose_no_layout(both: tuple[HFLM, TreeLM], monkeypatch: pytest.MonkeyPatch) -> None:
    _, ours = both
    monkeypatch.setattr(ours, "_network", None)
    monkeypatch.setattr(ours, "_layout", "plain")
    assert ours.loglikelihood([], disable_tqdm=True) == []
    assert (ours._network, ours._layout) == (None, "plain")


def test_rolling_log_likelihood_agrees(both: tuple[HFLM, TreeLM]) -> None:
    text = [Instance("loglikelihood_rolling", {}, ("the cat sat on a mat and that is so. " * 12,), 0)]
    theirs, mine = (model.loglikelihood_rolling(text, disable_tqdm=True) for model in both)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_a_model_that_trees_do_not_suit(both: tuple[HFLM, TreeLM], monkeypatch: pytest.MonkeyPatch) -> None:
    from gap.evaluate.lm_eval import model as lm_eval_model

    stock, ours = both

    def refuse(*_: Any) -> Any:
        raise ValueError("no")

    monkeypatch.setitem(lm_eval_model.LAYOUTS, "tree", refuse)
    monkeypatch.setattr(ours, "_network", None)
    monkeypatch.setattr(ours, "_layout", "tree")
    theirs, mine = (model.loglikelihood(requests(PAIRS), disable_tqdm=True) for model in (stock, ours))
    assert ours._layout == "plain"
    np.testing.assert_allclose([score for score, _ in mine], [score for score, _ in theirs], rtol=0, atol=1e-4)


@pytest.mark.nightly
def test_lm_evals_command_line_knows_the_model(model_folder: Path, tmp_path: Path) -> None:
    export_tasks({"copa": MINIATURE / TASKS["copa"].folder / "validation.jsonl"}, 6, tmp_path / "tasks")
    found = {}
    for model in ("hf", "gap"):
        command = [
            sys.executable, "-m", "gap.cli.main", "lm-eval", "--model", model, "--include_path", str(tmp_path / "tasks"), "--tasks", "gap_copa",
            "--model_args", f"pretrained={model_folder},add_bos_token=True,max_length=120,dtype=float32", "--device", "cpu", "--batch_size", "1",
            "--log_samples", "--output_path", str(tmp_path / model),
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        (path,) = (tmp_path / model).rglob("samples_gap_copa_*.jsonl")
        rows = sorted((json.loads(line) for line in path.read_text().splitlines()), key=lambda row: row["doc_id"])
        found[model] = [[float(response[0][0]) for response in row["resps"]] for row in rows]
    np.testing.assert_allclose(found["gap"], found["hf"], rtol=0, atol=1e-3)
