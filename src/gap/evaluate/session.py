"""The loaded model, and the items of each task encoded for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gap.core.errors import BadInput
from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import ASKED_FOR, split_model, whole_model
from gap.evaluate.item_scores import answer_columns, check_finite, choice_columns, frame
from gap.evaluate.lm_eval.backend import LmEvalBackend
from gap.evaluate.scoring import kernel_choice
from gap.evaluate.scoring.decoding import Decoding
from gap.evaluate.scoring.decoding_check import choose_decoding
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues, encode_trial
from gap.evaluate.scoring.layout_check import choose_layout
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.load import load_model
from gap.models.precision import DTYPES, autocast
from gap.models.text import check_max_length, run_ids
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import Snapshot, weights_digest
from gap.params.evaluate import EvaluateJob, Scorer
from gap.params.runs import RunId
from gap.posttrain.replay import ReplayCheck, replay
from gap.runtime.device import open_device, release_freed_memory
from gap.runtime.process_group import process_group
from gap.runtime.runtime import Runtime
from gap.tasks.items import Dialogue, Item, MultipleChoice

if TYPE_CHECKING:
    import pandas as pd


class Session:
    """One model on one device: brings it to any step of any run."""

    def __init__(self, job: EvaluateJob, folder: Path, runtime: Runtime, scorer: Scorer) -> None:
        self.job, self.scorer, self.offload = job, scorer, runtime.offload
        device = open_device(runtime)
        self.device = device.type
        self.dtype = DTYPES[job.evaluate.precision]
        self.tokenizer = load_tokenizer(folder)
        self.model: Any = load_model(folder, device)
        self.base_network = whole_model(self.model, ASKED_FOR) if scorer == "plain" else split_model(self.model)
        self.network = open_scoring_model(self.base_network, self.dtype) if scorer == "auto" else self.base_network
        self.refreshed = False  # whether the network to score with has the weights that are in the model now
        self.snapshot: Snapshot | None = None  # of the base weights, once a run is replayed
        self.digest = ""  # of the base weights
        self.check = ReplayCheck(job.evaluate.replay_tolerance)  # of all replays, for the provenance record

    def refresh(self) -> None:
        """Let the network to score with take over the weights that are in the model now; once per checkpoint."""
        if not self.refreshed:
            self.network.refresh_weights()
            release_freed_memory()
        self.refreshed = True

    def base(self) -> None:
        """Put the base weights back, if a replay has changed them."""
        self.refreshed = False
        if self.snapshot is not None:
            self.snapshot.restore(self.digest)

    def replay(self, run: RunId, texts: dict[tuple[str, int], str], expected: pd.DataFrame) -> Iterator[int]:
        """Repeat a run; yields each real step with its weights in the model."""
        method = self.job.settings
        assert method is not None
        if self.snapshot is None:
            self.digest, self.snapshot = weights_digest(self.model), Snapshot(self.model, offload=self.offload, compact=True)
        ids, retained = run_ids(self.tokenizer, run, texts, method.gap, self.model)
        for step in replay(self.snapshot, ids, method, expected, self.check, retained):
            self.refreshed = False
            yield step


class TaskScorer:
    """One task's items, encoded once, to be scored by the weights that are in a session's model.

    layout, reason, kernel: how items go through the model, why not as trees or from a cache, and which kernel was chosen (for the
    provenance record).

    Raises
    ------
    BadInput: the model has fewer positions than the settings ask for, or lm-eval's backend is asked for on several devices.
    """

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self.session, self.items = session, list(items)
        self.is_dialogue = isinstance(items[0], Dialogue)
        self.layout, self.reason = "", ""
        self.network, self.kernel = session.network, "as it is"
        self.backend: LmEvalBackend | None = None
        self.encoded: Any = None
        if not self.is_dialogue:
            check_max_length(session.job.evaluate.max_length, session.model)
        if session.scorer == "lm-eval":
            self._open_backend()
        elif self.is_dialogue:
            self._encode_dialogues(cast("list[Dialogue]", self.items))
        else:
            self._encode_choices(cast("list[MultipleChoice]", self.items))

    def _open_backend(self) -> None:
        session, size = self.session, process_group().world_size
        if size > 1:
            raise BadInput("--scorer lm-eval", f"a model on {size} devices", "--devices 1", "lm-eval's backend holds the whole model.")
        self.layout = "lm-eval's HF backend"
        self.backend = LmEvalBackend(session.model, session.tokenizer, session.job.evaluate, session.device, session.dtype)

    def _encode_choices(self, items: list[MultipleChoice]) -> None:
        session, settings = self.session, self.session.job.evaluate
        layout: Layout = "plain"
        self.reason = ASKED_FOR
        if session.scorer == "auto":
            layout, self.reason = choose_layout(session.base_network, items, session.tokenizer, settings.max_length, session.device)
        self.layout = layout
        self.encoded = encode_items(items, session.tokenizer, settings.max_length, settings.batch_tokens, session.device, layout)
        if session.scorer == "auto" and session.device in kernel_choice.CHOOSING and process_group().world_size == 1:
            batches = [batch for chunk in self.encoded for batch in chunk.batches]
            choice = kernel_choice.choose(self.network, batches, session.dtype)
            self.network, self.kernel = choice.network, str(choice)

    def _encode_dialogues(self, items: list[Dialogue]) -> None:
        session = self.session
        given = (items, session.tokenizer, session.job.evaluate, session.model, session.device)
        decoding: Decoding = "plain"
        self.reason = ASKED_FOR
        if session.scorer == "auto":
            decoding, self.reason = choose_decoding(session.base_network, encode_trial(*given))
        self.layout = "one row per dialogue" if decoding == "cached" else "one row per dialogue, without a cache"
        self.encoded = replace(encode_dialogues(*given), decoding=decoding)

    def score(self, chunks: Sequence[int], names: dict[str, Any]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of the item chunks with these numbers, by the weights that are in the model now; ``names`` go into every row.

        Raises
        ------
        Refused: a log-probability is not finite.
        """
        ranges = item_chunks(self.items)
        parts = [[self.items[index] for index in ranges[chunk]] for chunk in chunks]
        for chunk, items, columns in zip(chunks, parts, self._columns(parts, chunks), strict=True):
            identity: dict[str, list[Any]] = {"item": list(ranges[chunk]), "item_hash": [item.hash for item in items]}
            self._check_finite(identity["item"], columns, names)
            yield chunk, frame(names, identity | columns)

    def _check_finite(self, numbers: list[int], columns: dict[str, list[Any]], names: dict[str, Any]) -> None:
        values = [[nll] for nll in columns["nll"]] if self.is_dialogue else columns["log_probabilities"]
        for number, value in zip(numbers, values, strict=True):
            where = f"{names['task']} ({names['split']}) item {number}, run {names['run']}, step {names['step']}"
            check_finite(value, f"model {self.session.job.model}, {where}", self.session.job.evaluate.precision)

    def _columns(self, parts: list[list[Any]], chunks: Sequence[int]) -> list[dict[str, list[Any]]]:
        if self.backend is not None:
            if self.is_dialogue:
                return [answer_columns(self.backend.answers(items)) for items in parts]
            return [choice_columns(items, self.backend.choices(items)) for items in parts]
        self.session.refresh()
        with autocast(self.session.device, self.session.dtype):
            if self.is_dialogue:
                return [answer_columns(answers) for answers in answer_chunks(self.network, self.encoded, chunks)]
            scores = score_chunks(self.network, [self.encoded[chunk] for chunk in chunks])
            return [choice_columns(*pair) for pair in zip(parts, scores, strict=True)]
