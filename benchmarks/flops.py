"""Operations of the algorithm, padding left out, and what a machine can do at most."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

#: Dense bf16 operations per second of an H100 or H200 (the maker's data sheet).
PEAK = 989e12


@dataclass
class Counts:
    """Of all task splits together, one checkpoint.

    fed: tokens through the layers; visits: of one token to another (or itself) in the attention; looked: positions that go
    through the head; new: greedy tokens at most; passes: decoding steps at most; cached: keys read while decoding.
    """

    items: int = 0
    fed: int = 0
    visits: int = 0
    looked: int = 0
    new: int = 0
    passes: int = 0
    cached: int = 0

    def add(self, other: Counts) -> None:
        """Add another split's counts."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


def count_choices(chunks: Any) -> Counts:
    """Of encoded multiple-choice items: a token visits its ancestors and itself, as many as its position says."""
    found = Counts(items=sum(len(chunk.sizes) for chunk in chunks))
    for batch in (batch for chunk in chunks for batch in chunk.batches):
        found.fed += batch.num_tokens
        found.looked += len(batch.query_positions)
        if batch.position_ids is None:
            found.visits += _row_visits(batch)
            continue
        # padding holds position 0 and its own place alone
        padding = batch.ids.numel() - batch.num_tokens
        found.visits += int((batch.position_ids + 1).sum()) - padding
    return found


def _row_visits(batch: Any) -> int:
    """Of single sequences: a batch holds rows of nearly equal length, so that their mean stands for each."""
    mean = batch.num_tokens / len(batch.ids)
    return int(len(batch.ids) * mean * (mean + 1) / 2)


def count_dialogues(dialogues: Any, max_steps: int) -> Counts:
    """Of encoded dialogues: prompts with their given answers, and ``max_steps`` further tokens behind each prompt."""
    found = Counts()
    for chunk in dialogues.chunks:
        found.items += len(chunk.order)
        found.passes += max_steps
        for batch in [*(prompts.batch for prompts in chunk.prompts), *chunk.references_apart]:
            found.fed += batch.num_tokens
            found.looked += len(batch.query_positions)
            found.visits += _row_visits(batch)
        found.looked += len(chunk.order)
        found.new += max_steps * len(chunk.order)
        found.cached += sum((int(length) + step) for length in chunk.prompt_lengths for step in range(1, max_steps + 1))
    return found


def operations(shape: tuple[int, int, int, int, bool], counts: Counts, parameters: int, vocabulary: int) -> dict[str, float]:
    """Per checkpoint: operations of the forward passes over given tokens and over new ones, and bytes read while decoding (bf16)."""
    hidden, layers, _, embedding, _ = shape
    per_token, per_logit = 24 * layers * hidden**2 + 4 * hidden * embedding * (embedding != hidden), 2 * embedding * vocabulary
    prefill = counts.fed * per_token + counts.visits * 4 * hidden * layers + counts.looked * per_logit
    decode = counts.new * (per_token + per_logit) + counts.cached * 4 * hidden * layers
    changed_fraction = 2 * (counts.passes * parameters + counts.cached * 2 * hidden * layers)
    return {"prefill": float(prefill), "decode": float(decode), "decode_bytes": float(changed_fraction)}


def peak(device: str, dtype: str) -> tuple[float, str]:
    """Operations per second to hold a scorer against, and where the number comes from.

    The data sheet's for a known GPU in half precision; elsewhere the best of several large matrix products here and now.
    """
    import torch

    if device == "cuda" and dtype != "fp32" and any(name in torch.cuda.get_device_name() for name in ("H100", "H200")):
        return PEAK, "data sheet"
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    size = 8192 if device == "cuda" else 1536
    one, other = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        start = time.perf_counter()
        one @ other
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best, "matrix product"
