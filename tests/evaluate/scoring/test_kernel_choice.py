"""Ways to run a batch: each against the plain one, the choice, what is dropped; graphs by their CPU stand-in."""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

from gap.evaluate.encoding.encode import encode_items
from gap.evaluate.engine.split_model import SplitModel, split_model
from gap.evaluate.scoring import kernel_choice as kernels
from gap.evaluate.scoring.kernel_choice import CapturedModel, choose
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.runtime.runtime import Runtime
from gap.tasks.items import MultipleChoice

ITEMS = [MultipleChoice(f"{number * 37} {'sat on ' * number}", (" a mat", " the cat", " yes"), 0) for number in range(12, 36, 4)]


def chunks_of(tokenizer: Any, layout: Any = "tree") -> Any:
    return encode_items(ITEMS, tokenizer, 100, 80, "cpu", layout)


def scored(network: SplitModel, chunks: Any) -> np.ndarray:
    return np.concatenate(score_chunks(network, chunks)[0])


@pytest.mark.parametrize("layout", ["tree", "plain"])
@pytest.mark.parametrize("name", ["opt", "opt-post", "gpt2", "gpt-neox", "llama", "qwen2"])
def test_captured_graphs_give_the_plain_bits_and_follow_the_weights(models: Any, tokenizer: Any, name: str, layout: str) -> None:
    model = deepcopy(models(name))
    network, chunks = split_model(model), chunks_of(tokenizer, layout)
    captured = CapturedModel(**vars(network))
    shapes = {batch.ids.shape for batch in chunks[0].batches}
    assert np.array_equal(scored(captured, chunks), scored(network, chunks))
    assert len(captured.graphs) == len(shapes) > 1
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    assert np.array_equal(scored(captured, chunks), after := scored(network, chunks))
    assert len(captured.graphs) == len(shapes), "nothing is captured twice"
    assert np.array_equal(scored(captured, chunks), after)


def test_a_pass_that_fills_a_cache_is_not_captured(models: Any) -> None:
    network = split_model(models("opt"))
    captured = CapturedModel(**vars(network))
    ids = torch.tensor([[2, 5, 6]])
    with torch.inference_mode():
        assert torch.equal(captured.features(ids, use_cache=True), network.features(ids, use_cache=True))
    assert captured.graphs == {}


def test_the_choice_falls_on_equal_bits_alone(
    models: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    network, batches = split_model(models("opt")), chunks_of(tokenizer)[0].batches

    class Louder(SplitModel):
        def logits(self, features: Any) -> Any:
            return 2 * super().logits(features)

        def raw_logits(self, features: Any) -> Any:
            return 2 * super().raw_logits(features)

    def broken(_: SplitModel) -> SplitModel:
        raise RuntimeError("no C++ compiler\nat all")

    monkeypatch.setitem(kernels.CANDIDATES, "compiled", broken)
    monkeypatch.setitem(kernels.CANDIDATES, "louder", lambda network: Louder(**vars(network)))
    with caplog.at_level(logging.INFO):
        choice = choose(network, batches, None)
    assert choice.dropped["compiled"] == "RuntimeError: no C++ compiler"
    assert "differ by up to" in choice.dropped["louder"]
    assert set(choice.seconds) >= {"plain", "captured graphs"}
    assert set(choice.seconds) | set(choice.dropped) == {"plain", *kernels.CANDIDATES}
    assert choice.name in choice.seconds and choice.seconds[choice.name][1] == min(best for _, best in choice.seconds.values())
    assert "OPTForCausalLM is run by" in caplog.text and "without compiled: RuntimeError" in caplog.text
    assert np.array_equal(scored(choice.network, chunks_of(tokenizer)), scored(network, chunks_of(tokenizer)))


def test_the_fastest_is_taken(models: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network, batches = split_model(models("llama")), chunks_of(tokenizer)[0].batches
    times = iter([3.0, 1.0, 2.0])  # plain, captured graphs, compiled
    monkeypatch.setattr(kernels, "_timed", lambda *_: (torch.zeros(2), (9.0, next(times))))
    monkeypatch.setitem(kernels.CANDIDATES, "compiled", lambda network: network)
    choice = choose(network, batches, torch.bfloat16)
    assert choice.name == "captured graphs" and isinstance(choice.network, CapturedModel)
    assert str(choice).startswith("captured graphs of plain 3000.00 ms (first 9000 ms)")


def test_a_graph_is_captured_on_a_stream_of_its_own_after_a_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of calls on a GPU, with stand-ins: run once beside, capture once into the shared pool, then only replay."""
    from contextlib import contextmanager

    calls: list[str] = []

    class Stream:
        def wait_stream(self, other: Any) -> None:
            calls.append("wait")

    class Graph:
        def replay(self) -> None:
            calls.append("replay")

    @contextmanager
    def within(name: str) -> Any:
        calls.append(f"in {name}")
        yield
        calls.append(f"out of {name}")

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: within("stream"))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda _, pool: within(pool))

    def run() -> torch.Tensor:
        calls.append("run")
        return torch.ones(2)

    replayed = kernels.capture(run, "cuda", "pool")
    assert calls == ["wait", "in stream", "run", "out of stream", "wait", "in pool", "run", "out of pool"]
    del calls[:]
    assert torch.equal(replayed(), torch.ones(2)) and replayed() is replayed()
    assert calls == ["replay"] * 3


def test_a_job_chooses_where_it_is_told_to_and_says_so(model_folder: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from scored import evaluate_one

    from gap.core.files import read_json
    from gap.core.tables import read_table
    from gap.fetch.source_file import MINIATURE
    from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
    from gap.tasks.registry import TASKS

    how = Evaluate(items=6, splits=["validation"], precision="bf16", max_length=120, max_new_tokens=4, batch_tokens=512, replay_tolerance=0)
    job = EvaluateJob(model="tiny", method="", tasks=[ScoredTask(task="copa", split="validation")], evaluate=how, items=6)
    items = MINIATURE / TASKS["copa"].folder / "validation.jsonl"
    monkeypatch.chdir(tmp_path)
    # a compiler is not what this is about
    monkeypatch.setitem(kernels.CANDIDATES, "compiled", lambda network: network)
    found = {}
    for name, devices in (("default", ()), ("chosen", ("cpu",))):
        monkeypatch.setattr(kernels, "CHOOSING", devices)
        evaluate_one(job, model_folder, items, {}, None, tmp_path / name / "base.parquet", Runtime("cpu", 1))
        rows = read_table(tmp_path / name / "base.parquet", "item_scores")
        found[name] = (
            [list(sums) for sums in rows["log_probabilities"]],
            read_json(tmp_path / name / "base.provenance.json")["inputs"]["kernel"],
        )
    assert found["default"][0] == found["chosen"][0]
    assert found["default"][1] == "as it is" and " of plain " in found["chosen"][1]
