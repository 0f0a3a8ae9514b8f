"""The scorers to compare: ours, lm-eval's HF backend, every choice padded to 512, and HF generate with a separate loss pass.

Each is a class whose constructor does what is done once per model and task, and whose ``run`` does what is done per
checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.precision import autocast
from gap.params.evaluate import Evaluate

LENGTH, NEW, BATCH = 512, 32, 64
#: Rows per batch of the padded scorer: their logits take 1.6 GiB in fp32.
PADDED_BATCH = 16
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def settings(batch_tokens: int) -> Evaluate:
    """The protocol's lengths."""
    return Evaluate(
        items=320,
        splits=["validation"],
        precision="fp32",
        max_length=LENGTH,
        max_new_tokens=NEW,
        batch_tokens=batch_tokens,
        replay_tolerance=0,
    )


class Ours:
    """fp32 weights, half precision by autocast, as in the pipeline."""

    def __init__(self, model: Any, tokenizer: Any, dtype: str, device: str, batch_tokens: int, layout: Layout = "tree") -> None:
        self.original = model
        self.tokenizer, self.device = tokenizer, device
        self.batch_tokens, self.layout, self.dtype = batch_tokens, layout, DTYPES[dtype]
        self.network = open_scoring_model(split_model(model), None if dtype == "fp32" else self.dtype)
        self.tokens = self.padded = 0

    def compile(self, items: list[Any], kind: str) -> Any:
        """Once per task."""
        if kind == "dialogue":
            return encode_dialogues(items, self.tokenizer, settings(self.batch_tokens), self.network.model, self.device)
        chunks = encode_items(items, self.tokenizer, LENGTH, self.batch_tokens, self.device, self.layout)
        self.tokens += sum(batch.num_tokens for chunk in chunks for batch in chunk.batches)
        self.padded += sum(batch.ids.numel() for chunk in chunks for batch in chunk.batches)
        return chunks

    def join(self, compiled: list[Any]) -> Any:
        """Several tasks as one."""
        return [chunk for chunks in compiled for chunk in chunks]

    def checkpoint(self) -> None:
        """Once per checkpoint: take over its weights."""
        self.network.refresh_weights()

    def run(self, compiled: Any, kind: str) -> list[list[float]]:
        """Once per checkpoint and task: per item the log-probabilities of its continuations, or the NLL of the answer."""
        with autocast(self.device, None if self.dtype == torch.float32 else self.dtype):
            if kind == "dialogue":
                chunks = answer_chunks(self.network, compiled, range(len(compiled.chunks)))
                return [[answer.nll] for chunk in chunks for answer in chunk]
            return [sums.tolist() for chunk in score_chunks(self.network, compiled) for sums in chunk]


class LmEval:
    """lm-eval's HF backend, batch 64, the weights in the dtype itself; ``more`` goes to the backend."""

    def __init__(self, model: Any, tokenizer: Any, dtype: str, device: str, batch: int = BATCH, **more: Any) -> None:
        from lm_eval.models.huggingface import HFLM

        self.backend = HFLM(
            pretrained=model.to(DTYPES[dtype]), tokenizer=tokenizer, backend="causal", batch_size=batch, max_length=LENGTH, device=device,
            add_bos_token=True, **more,
        )  # fmt: skip

    def compile(self, items: list[Any], kind: str) -> Any:
        """Requests; lm-eval encodes them anew for every checkpoint."""
        from lm_eval.api.instance import Instance

        pairs = [(item.context, text) for item in items for text in item.continuations]
        requests = [Instance("loglikelihood", {}, pair, place) for place, pair in enumerate(pairs)]
        return requests, [len(item.continuations) for item in items]

    def join(self, compiled: list[Any]) -> Any:
        """Several tasks as one."""
        return [request for requests, _ in compiled for request in requests], [size for _, sizes in compiled for size in sizes]

    def run(self, compiled: Any, kind: str) -> list[list[float]]:
        """Per item the log-probabilities of its continuations."""
        requests, sizes = compiled
        flat = iter(self.backend.loglikelihood(requests, disable_tqdm=True))
        return [[next(flat)[0] for _ in range(size)] for size in sizes]


class Padded:
    """Every choice padded to 512 tokens, logits of every position, as the authors' code does it."""

    def __init__(self, model: Any, tokenizer: Any, dtype: str, device: str) -> None:
        self.model, self.tokenizer, self.device = model.to(DTYPES[dtype]), tokenizer, device

    def compile(self, items: list[Any], kind: str) -> Any:
        """Padded rows and where their continuations stand."""
        rows, spans = [], []
        for item in items:
            context = [self.tokenizer.bos_token_id, *self.tokenizer.encode(item.context, add_special_tokens=False)]
            for text in item.continuations:
                continuation = self.tokenizer.encode(text, add_special_tokens=False)
                ids = (context + continuation)[-LENGTH:]
                rows.append(ids + [1] * (LENGTH - len(ids)))
                spans.append((max(1, len(ids) - len(continuation)), len(ids)))
        return torch.tensor(rows, device=self.device), spans, [len(item.continuations) for item in items]

    @torch.inference_mode()
    def run(self, compiled: Any, kind: str) -> list[list[float]]:
        """Per item the log-probabilities of its continuations."""
        rows, spans, sizes = compiled
        sums: list[float] = []
        for first in range(0, len(rows), PADDED_BATCH):
            ids = rows[first : first + PADDED_BATCH]
            mask = (
                torch.arange(LENGTH, device=self.device)
                < torch.tensor([end for _, end in spans[first : first + len(ids)]])[:, None].to(self.device)
            ).long()
            logits = torch.log_softmax(self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits.float(), dim=-1)
            found = logits[:, :-1].gather(2, ids[:, 1:, None]).squeeze(2)
            sums += [float(found[row, begin - 1 : end - 1].sum()) for row, (begin, end) in enumerate(spans[first : first + len(ids)])]
        flat = iter(sums)
        return [[next(flat) for _ in range(size)] for size in sizes]


class Generate:
    """HF generate (greedy, batch 64, padded on the left), then a second pass for the loss of the given answers."""

    def __init__(self, model: Any, tokenizer: Any, dtype: str, device: str) -> None:
        self.model, self.tokenizer, self.device = model.to(DTYPES[dtype]), tokenizer, device

    def compile(self, items: list[Any], kind: str) -> Any:
        """Prompts and answers as ids, in order of length so that batches pad little."""
        bos = self.tokenizer.bos_token_id
        prompts = [[bos, *self.tokenizer.encode(item.prompt, add_special_tokens=False)[-(LENGTH - 1) :]] for item in items]
        answers = [self.tokenizer.encode(f" {item.reference}", add_special_tokens=False) for item in items]
        order = sorted(range(len(items)), key=lambda place: len(prompts[place]))
        return [[(prompts[place], answers[place]) for place in order[first : first + BATCH]] for first in range(0, len(order), BATCH)]

    def run(self, compiled: Any, kind: str) -> list[list[float]]:
        """NLL per item, in order of length."""
        return [[value] for batch in compiled for value in self._batch(batch)]

    @torch.inference_mode()
    def _batch(self, batch: list[tuple[list[int], list[int]]]) -> Iterator[float]:
        width = max(len(prompt) for prompt, _ in batch)
        ids = torch.tensor([[1] * (width - len(prompt)) + prompt for prompt, _ in batch], device=self.device)
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt, _ in batch], device=self.device)
        self.model.generate(ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False, pad_token_id=1)
        rows = [(prompt + answer)[-LENGTH:] for prompt, answer in batch]
        width = max(map(len, rows))
        ids = torch.tensor([row + [1] * (width - len(row)) for row in rows], device=self.device)
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self.device)
        logits = torch.log_softmax(self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits.float(), dim=-1)
        found = logits[:, :-1].gather(2, ids[:, 1:, None]).squeeze(2)
        for row, (tokens, (_, answer)) in enumerate(zip(rows, batch, strict=True)):
            yield -float(found[row, len(tokens) - 1 - min(len(answer), len(tokens) - 1) : len(tokens) - 1].sum())
