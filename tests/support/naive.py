"""Independent scorers: one sequence at a time, the model's own logits, no batching, no cache; ``generate`` for answers."""

from __future__ import annotations

from typing import Any

import torch


def naive_sum(model: Any, tokenizer: Any, context: str, continuation: str, max_length: int) -> float:
    """Sum of log-probabilities of ``continuation``, context cut from the left at ``max_length`` tokens in all."""
    prefix = [tokenizer.bos_token_id, *tokenizer.encode(context, add_special_tokens=False)]
    wanted = tokenizer.encode(continuation, add_special_tokens=False)
    ids = (prefix + wanted)[-max_length:]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    predicted = torch.log_softmax(logits, dim=-1)
    return sum(float(predicted[place - 1, ids[place]]) for place in range(max(1, len(ids) - len(wanted)), len(ids)))


def naive_answer(model: Any, tokenizer: Any, prompt: str, limit: int, new: int) -> str:
    """Greedy answer of ``generate`` to one prompt, cut at the next speaker."""
    ids = tokenizer.encode(prompt, add_special_tokens=False)
    ids = [tokenizer.bos_token_id, *ids[max(0, len(ids) - limit + 1) :]]
    with torch.no_grad():
        mask = torch.ones(1, len(ids), dtype=torch.long)
        done = model.generate(torch.tensor([ids]), max_new_tokens=new, do_sample=False, attention_mask=mask)
    return tokenizer.decode(done[0, len(ids) :], skip_special_tokens=True, clean_up_tokenization_spaces=False).split("\nUser ")[0]
