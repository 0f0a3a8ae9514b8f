"""Digests of a small run by portable arithmetic: pretraining, two updates up the loss, log-probabilities, and NumPy's functions.

    python tests/support/portable_run.py

They are the same on every x86-64 processor with AVX2; the test holds them to constants, and an emulated processor to the same.
"""

# ruff: noqa: E402 - arithmetic is chosen before NumPy and torch are loaded
from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from gap.runtime.arithmetic import set_arithmetic

set_arithmetic("portable")

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
import tiny

from gap.runtime.device import open_device
from gap.runtime.runtime import Runtime


def digest(*arrays: Any) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array.detach().numpy() if isinstance(array, torch.Tensor) else array).tobytes())
    return total.hexdigest()[:12]


def trained(model: Any) -> str:
    """Weights after three steps of the trainer's optimizer and two updates up the loss."""
    ids = torch.arange(4 * 40).reshape(4, 40) * 7 % 340
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003, betas=(0.9, 0.95), fused=True)
    for _ in range(3):
        model(input_ids=ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    for _ in tiny.updates(model, ids[0], tiny.gap(learning_rate=0.001, implementation="fused"), 2):
        pass
    return digest(*model.parameters())


def numpy_functions() -> str:
    source = np.random.default_rng(0)
    values, left, right = source.random(5000) + 0.01, source.random((300, 200)), source.random((200, 250))
    made = [np.exp(values), np.log(values), np.tanh(values), values**1.7, left @ right, left.mean(0), np.atleast_1d(values.std())]
    return digest(*made, np.quantile(left, [0.1, 0.5], axis=0), np.corrcoef(left[:20]))


def main() -> None:
    from transformers import AutoModelForCausalLM

    open_device(Runtime(device="cpu", arithmetic="portable"))
    with tempfile.TemporaryDirectory() as folder:
        model = AutoModelForCausalLM.from_pretrained(tiny.make_model(Path(folder) / "model", hidden_size=64, ffn_dim=128))
    model.eval()
    print("weights", trained(model))
    with torch.inference_mode():
        print("log_probabilities", digest(model(input_ids=torch.arange(340)[None, :60]).logits.log_softmax(-1)))
    print("numpy", numpy_functions())


if __name__ == "__main__":
    main()
