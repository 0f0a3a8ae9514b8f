"""Features of one pass, against a loop over tokens with the model called anew for each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from gap.describe.predictions import Reading, familiarity, read


def slow(model: Any, ids: Tensor) -> dict[str, float]:
    """Token by token in fp64: the model sees the tokens before it and nothing else."""
    found: dict[str, list[float]] = {"nll": [], "memorisation": [], "entropy": [], "log_rank": []}
    with torch.no_grad():
        for place in range(1, len(ids)):
            logits = model(input_ids=ids[None, :place]).logits[0, -1].double().tolist()
            highest = max(logits)
            weights = [math.exp(value - highest) for value in logits]
            chances = [weight / sum(weights) for weight in weights]
            true = int(ids[place])
            found["nll"].append(-math.log(chances[true]))
            found["memorisation"].append(float(logits.index(highest) == true))
            found["entropy"].append(-sum(chance * math.log(chance) for chance in chances if chance > 0))
            found["log_rank"].append(math.log(1 + sum(value > logits[true] for value in logits)))
    return {name: sum(values) / len(values) for name, values in found.items()}


def test_one_pass_equals_a_call_per_token(opt: Any, ids: Tensor) -> None:
    assert familiarity(read(opt, ids)) == pytest.approx(slow(opt, ids), abs=2e-5)


def test_the_nll_is_the_loss_that_post_training_climbs(opt: Any, ids: Tensor) -> None:
    from gap.posttrain.step import text_losses

    assert familiarity(read(opt, ids))["nll"] == pytest.approx(float(text_losses(opt, ids, tiny.gap(), 1)[0].detach()), abs=1e-6)


def test_a_text_known_by_heart(by_heart: Any, ids: Tensor) -> None:
    found = familiarity(read(by_heart, ids))
    assert found["memorisation"] == 1.0 and found["log_rank"] == 0.0
    assert 0 <= found["nll"] < 0.05 and 0 <= found["entropy"] < 0.3


@dataclass
class Output:
    logits: Tensor
    past_key_values: None = None


class Fixed:
    """A model whose logits are given."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def __call__(self, input_ids: Tensor, **_: Any) -> Output:
        return Output(self.logits[None, : input_ids.shape[1]])


def reading(logits: list[list[float]], ids: list[int]) -> Reading:
    return read(Fixed(torch.tensor(logits)), torch.tensor(ids))


def test_by_hand() -> None:
    # chances 1/2, 1/4, 1/4 and 1/8, 1/8, 3/4
    found = reading([[math.log(2), 0.0, 0.0], [0.0, 0.0, math.log(6)]], [0, 1, 2])
    assert found.rank.tolist() == [2, 1] and found.greedy.tolist() == [0, 2]
    wanted = {
        "nll": (math.log(4) + math.log(4 / 3)) / 2,
        "memorisation": 0.5,
        "entropy": (0.5 * math.log(2) + 0.5 * math.log(4) + 0.25 * math.log(8) + 0.75 * math.log(4 / 3)) / 2,
        "log_rank": math.log(2) / 2,
    }
    assert familiarity(found) == pytest.approx(wanted, abs=1e-6)


def test_equal_logits_are_a_coin_with_as_many_sides_as_tokens() -> None:
    found = familiarity(reading([[0.3] * 7] * 4, [0, 5, 5, 1, 6]))
    assert found["nll"] == pytest.approx(math.log(7), abs=1e-6) == found["entropy"]
    assert found["log_rank"] == 0.0, "no token stands above another"


@hypothesis_settings(max_examples=40)
@given(st.data())
def test_adding_a_constant_changes_nothing_and_bounds_hold(data: st.DataObject) -> None:
    size, length = data.draw(st.integers(2, 6)), data.draw(st.integers(1, 5))
    numbers = st.floats(-8, 8, width=32)
    logits = data.draw(st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=length, max_size=length))
    ids = data.draw(st.lists(st.integers(0, size - 1), min_size=length + 1, max_size=length + 1))
    found = familiarity(reading(logits, ids))
    shifted = familiarity(reading([[value + 16 for value in row] for row in logits], ids))
    assert shifted["nll"] == pytest.approx(found["nll"], abs=1e-4) and shifted["entropy"] == pytest.approx(found["entropy"], abs=1e-4)
    assert 0 <= found["memorisation"] <= 1 and 0 <= found["log_rank"] <= math.log(size) + 1e-12
    assert -1e-5 <= found["entropy"] <= math.log(size) + 1e-5 and found["nll"] >= -1e-5
