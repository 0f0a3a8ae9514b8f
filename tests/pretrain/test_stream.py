from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap.core.errors import BadInput
from gap.params.models import PretrainedHere
from gap.pretrain import token_stream as module
from gap.pretrain.schedule import LONG_BATCH_EVERY, batch_shape, budget_fraction, learning_rate, tokens_to_read
from gap.pretrain.token_stream import TokenStream, pack, sample_batch, split_validation, validation_windows


def settings_of(**changes: object) -> PretrainedHere:
    base = {"kind": "pretrain", "tokenizer": "t", "hidden_size": 16, "layers": 1, "heads": 2, "context": 64, "mixture": {"text": 1.0}}
    return PretrainedHere.model_validate({**base, "tokens": 6400, "sequence": 16, "batch": 8, **changes})


def streams() -> list[TokenStream]:
    return [TokenStream("low", 0.25, np.arange(1000, dtype=np.int32), np.arange(9, dtype=np.int32)),
            TokenStream("high", 0.75, np.arange(5000, 5100, dtype=np.int32), np.arange(9, dtype=np.int32))]  # fmt: skip


@settings(max_examples=20)
@given(st.integers(0, 2**60), st.integers(0, 10**6))
def test_a_batch_depends_on_seed_and_step_alone(seed: int, step: int) -> None:
    batch = sample_batch(streams(), seed, step, (6, 20))
    assert batch.shape == (6, 21) and (np.diff(batch, axis=1) == 1).all()
    assert np.array_equal(batch, sample_batch(streams(), seed, step, (6, 20)))
    assert not np.array_equal(batch, sample_batch(streams(), seed, step + 1, (6, 20)))


def test_rows_follow_the_shares_and_reach_both_ends() -> None:
    batch = np.concatenate([sample_batch(streams(), 1, step, (64, 20)) for step in range(60)])
    high = batch[batch[:, 0] >= 5000]
    assert len(high) / len(batch) == pytest.approx(0.75, abs=0.02)
    assert (high[:, 0].min(), high[:, -1].max()) == (5000, 5099)


def test_packing_puts_the_edge_in_front_of_each_text_and_stops(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenizers import Tokenizer

    tool = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    texts = ["signal motor", "garden", "paper river kitchen"]
    whole = [2, *tool.encode(texts[0]).ids[1:], 2, *tool.encode(texts[1]).ids[1:], 2, *tool.encode(texts[2]).ids[1:]]
    assert pack(texts, tool, 2, 1000).tolist() == whole and pack(texts, tool, 2, 1000).dtype == np.int32
    monkeypatch.setattr(module, "CHUNK", 10)
    seen = iter(texts)
    assert pack(seen, tool, 2, 4).tolist() == whole[:4]
    assert next(seen) == "garden"
    assert len(pack([], tool, 2, 10)) == 0


def test_the_beginning_is_kept_for_validation() -> None:
    ids = np.arange(10_000, dtype=np.int32)
    kept = split_validation("text", 1.0, ids, 65)
    assert len(kept.validation) == 200 and kept.train[0] == 200
    assert len(split_validation("text", 1.0, ids, 500).validation) == 500
    with pytest.raises(BadInput, match="900 tokens of training text"):
        split_validation("text", 1.0, ids[:900], 500)


def test_validation_windows_are_apart_and_as_many_as_asked_for() -> None:
    kept = TokenStream("text", 0.5, np.arange(1), np.arange(1001, dtype=np.int32))
    windows = validation_windows(kept, 10, 400)
    assert windows.shape == (20, 11)
    assert len(np.unique(windows[:, :-1])) == 200
    assert validation_windows(kept, 10, 0).shape == (1, 11)
    assert validation_windows(kept, 10, 10**6).shape == (100, 11)


def test_every_fourth_step_is_as_long_as_the_context() -> None:
    shapes = [batch_shape(settings_of(), step) for step in range(8)]
    assert shapes == ([(8, 16)] * (LONG_BATCH_EVERY - 1) + [(2, 64)]) * 2


def test_learning_rate_rises_and_falls_to_a_tenth() -> None:
    wanted = settings_of(learning_rate=1e-2, warmup=0.1)
    assert learning_rate(wanted, 0.05) == pytest.approx(5e-3)
    assert learning_rate(wanted, 0.1) == pytest.approx(1e-2)
    assert learning_rate(wanted, 0.55) == pytest.approx(5.5e-3)
    assert learning_rate(wanted, 1.0) == learning_rate(wanted, 1.2) == pytest.approx(1e-3)
    assert learning_rate(settings_of(learning_rate=1e-2, warmup=0.0), 0.0) == pytest.approx(1e-2)


def test_budgets() -> None:
    assert budget_fraction(settings_of(tokens=6401), 51, 0.0) == 1.0 and budget_fraction(settings_of(), 25, 1e9) == 0.5
    timed = settings_of(tokens=None, seconds=20.0)
    assert budget_fraction(timed, 10**9, 5.0) == 0.25
    assert tokens_to_read(settings_of(tokens=100_000), 0.5, 1) == 60_000
    assert tokens_to_read(timed, 1.0, 1000) == 24_000
