"""The loaded base model, and what a job computes with it.

Resident on the device: the weights; keys and values of one text, once per prefix; while gradients are compared, one
gradient for the text at hand and as many of tasks as ``describe.gradients_gib`` holds (one at least).  The outer loop is over
tasks, the inner one over texts: each group of tasks takes every text's gradient once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from gap.describe.extraction import Decoder, extraction_likelihood
from gap.describe.gradients import FlatGradient, Target, cosine, dot, targets
from gap.describe.predictions import familiarity, read
from gap.describe.surface import surface
from gap.models.load import load_model
from gap.models.text import encode_text, max_positions
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import weights_digest
from gap.params.describe import DescribeJob
from gap.runtime.device import open_device
from gap.runtime.runtime import Runtime
from gap.tasks.items import load_items

GIB = 2**30


class Session:
    """One model on one device, in fp32 whatever post-training uses: a feature describes the model, not a precision."""

    def __init__(self, job: DescribeJob, folder: Path, runtime: Runtime) -> None:
        self.job = job
        self.device = open_device(runtime)
        self.tokenizer: Any = load_tokenizer(folder)
        self.model: Any = load_model(folder, self.device)
        self.positions = max_positions(self.model)
        self.weights = weights_digest(self.model)
        self.decoder = Decoder(self.model)

    def encode(self, text: str) -> Tensor:
        """The ids that post-training uses, on the device.

        Raises
        ------
        BadInput: the text cannot be encoded.
        """
        return encode_text(self.tokenizer, text, self.job.max_tokens, self.positions).to(self.device)

    def features(self, ids: Tensor) -> dict[str, float]:
        """Every feature but the cosines, of ids [n]."""
        reading = read(self.model, ids)
        predicted = ids[1:].tolist()
        text = self.tokenizer.decode(predicted, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        extraction = {"extraction": extraction_likelihood(self.decoder, reading, self.job.describe)}
        return familiarity(reading) | extraction | surface(predicted, text)

    def targets(self, task: str, path: Path) -> list[Target]:
        """The first items of a task as sequences, cut where evaluation cuts them or where the model has no positions left.

        Raises
        ------
        BadInput: the file does not hold items of the task.
        """
        # the last token is not fed
        limit = min(self.job.max_length, self.positions + 1)
        return targets(load_items(task, path, self.job.describe.gradient_items), self.tokenizer, limit)

    def cosines(self, tasks: Sequence[Sequence[Target]], texts: Sequence[tuple[int, Tensor]]) -> Iterator[tuple[int, dict[int, float]]]:
        """Cosines of the gradients of ``texts`` (number, ids [n]) with those of ``tasks``.

        Yields a text's number and its cosines by the index of the task, text by text for as many tasks as are held at once.
        """
        if not tasks or not texts:
            return
        flat = FlatGradient(self.model)
        held = max(1, int(self.job.describe.gradients_gib * GIB / (flat.buffer.element_size() * len(flat.buffer))))
        for first in range(0, len(tasks), held):
            gradients = {task: flat.of(tasks[task]).clone() for task in range(first, min(first + held, len(tasks)))}
            squares = {task: dot(gradient, gradient) for task, gradient in gradients.items()}
            for number, ids in texts:
                of_text = flat.of([Target(tuple(ids.tolist()), len(ids) - 1)])
                square = dot(of_text, of_text)
                yield number, {task: cosine(dot(of_text, gradient), square, squares[task]) for task, gradient in gradients.items()}
            gradients.clear()  # before the next group is made, not after
