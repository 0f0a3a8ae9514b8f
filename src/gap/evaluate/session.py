"""The loaded model, and the items of each task encoded for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gap.core.errors import BadInput
from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.engine.scoring_model import open_scoring_model, with_scoring_model
from gap.evaluate.engine.split_model import ASKED_FOR, max_positions, split_model, whole_model
from gap.evaluate.item_scores import answer_columns, choice_columns, frame, item_columns
from gap.evaluate.lm_eval.backend import LmEvalBackend
from gap.evaluate.scoring import kernel_choice
from gap.evaluate.scoring.decoding import Decoding
from gap.evaluate.scoring.decoding_check import choose_decoding
from gap.evaluate.scoring.dialogue import Dialogues, answer_chunks, encode_dialogues, encode_trial
from gap.evaluate.scoring.layout_check import choose_layout
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.causality import check_causal
from gap.models.load import load_model
from gap.models.precision import DTYPES, autocast
from gap.models.text import run_ids
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import weights_digest
from gap.params.evaluate import EvaluateJob, Scorer
from gap.params.runs import RunId
from gap.posttrain.context import RunContext, open_context
from gap.posttrain.replay import ReplayCheck, replay
from gap.runtime.device import open_device
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
        check_causal(self.model, str(folder))
        self.base_network = whole_model(self.model, ASKED_FOR) if scorer == "plain" else split_model(self.model)
        self.scoring_model = open_scoring_model(self.base_network, self.dtype) if scorer == "auto" else None
        self.network = with_scoring_model(self.base_network, self.scoring_model)
        self.refreshed = False  # whether the scoring model has the weights that are in the model now
        self.context: RunContext | None = None  # with a copy of the base weights, once a run is replayed
        self.digest = ""  # of the base weights
        self.check = ReplayCheck(job.evaluate.replay_tolerance)  # of all replays, for the provenance record

    def refresh(self) -> None:
        """Let the scoring model take over the weights that are in the model now; once per checkpoint."""
        if self.scoring_model is not None and not self.refreshed:
            self.scoring_model.refresh_weights()
        self.refreshed = True

    def base(self) -> None:
        """Put the base weights back, if a replay has changed them."""
        self.refreshed = False
        if self.context is not None:
            self.context.base.restore(self.digest)

    def replay(self, run: RunId, texts: dict[tuple[str, int], str], expected: pd.DataFrame) -> Iterator[int]:
        """Repeat a run; yields each real step with its weights in the model."""
        method = self.job.settings
        assert method is not None
        if self.context is None:
            self.digest, self.context = weights_digest(self.model), open_context(self.model, offload=self.offload)
        ids = run_ids(self.tokenizer, run, texts, method.gap, getattr(self.model.config, "max_position_embeddings", None))
        for step in replay(self.context, ids, method, expected, self.check):
            self.refreshed = False
            yield step


class TaskScorer:
    """One task's items, encoded once, to be scored by the weights that are in a session's model."""

    def __init__(self, session: Session, items: Sequence[Item]) -> None:
        self.session, self.items = session, list(items)
        self.is_dialogue = isinstance(items[0], Dialogue)
        self.layout, self.reason = "", ""  # for the provenance record
        self.network, self.kernel = session.network, "as it is"
        self.backend = self._open_backend() if session.scorer == "lm-eval" else None
        self.encoded: Any = None if self.backend is not None else self._encode()
        if (
            session.scorer == "auto"
            and not self.is_dialogue
            and session.device in kernel_choice.CHOOSING
            and process_group().world_size == 1
        ):
            encoded: Any = self.encoded
            batches = [batch for chunk in encoded for batch in chunk.batches]
            choice = kernel_choice.choose(self.network, batches, session.dtype)
            self.network, self.kernel = choice.network, str(choice)

    def _open_backend(self) -> LmEvalBackend:
        session, size = self.session, process_group().world_size
        if size > 1:
            raise BadInput("--scorer lm-eval", f"a model on {size} devices", "--devices 1", "lm-eval's backend holds the whole model.")
        self.layout = "lm-eval's HF backend"
        return LmEvalBackend(session.model, session.tokenizer, session.job.evaluate, session.device, session.dtype)

    def _encode(self) -> Any:
        """Everything that does not depend on the weights.

        Raises
        ------
        BadInput: the model has fewer positions than evaluate.max_length asks for.
        """
        if self.is_dialogue:
            return self._encode_dialogues()
        session, settings = self.session, self.session.job.evaluate
        # the last token of a sequence is not fed
        if settings.max_length - 1 > max_positions(session.model):
            shown = f"{settings.max_length} for a model of {max_positions(session.model)} positions"
            raise BadInput("evaluate.max_length", shown, f"at most {max_positions(session.model) + 1}", "Lower it.")
        items = cast("list[MultipleChoice]", self.items)
        layout: Layout = "plain"
        self.reason = ASKED_FOR
        if session.scorer != "plain":
            layout, self.reason = choose_layout(session.base_network, items, session.tokenizer, settings.max_length, session.device)
        self.layout = layout
        return encode_items(items, session.tokenizer, settings.max_length, settings.batch_tokens, session.device, layout)

    def _encode_dialogues(self) -> Dialogues:
        session, settings = self.session, self.session.job.evaluate
        dialogues = cast("list[Dialogue]", self.items)
        given = (dialogues, session.tokenizer, settings, session.model, session.device)
        decoding: Decoding = "plain"
        self.reason = ASKED_FOR
        if session.scorer != "plain":
            decoding, self.reason = choose_decoding(session.base_network, encode_trial(*given))
        self.layout = "one row per dialogue" if decoding == "cached" else "one row per dialogue, without a cache"
        return replace(encode_dialogues(*given), decoding=decoding)

    def score(self, chunks: Sequence[int], names: dict[str, Any]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of the item chunks with these numbers, by the weights that are in the model now; ``names`` go into every row."""
        ranges = item_chunks(self.items)
        for chunk, columns in zip(chunks, self._columns([list(ranges[chunk]) for chunk in chunks], chunks), strict=True):
            yield chunk, frame(names, item_columns(list(ranges[chunk]), self.items) | columns)

    def _columns(self, indices: list[list[int]], chunks: Sequence[int]) -> list[dict[str, list[Any]]]:
        items: list[list[Any]] = [[self.items[index] for index in part] for part in indices]
        if self.backend is not None:
            if self.is_dialogue:
                return [answer_columns(self.backend.answers(part)) for part in items]
            return [choice_columns(part, self.backend.choices(part)) for part in items]
        self.session.refresh()
        with autocast(self.session.device, self.session.dtype):
            if self.is_dialogue:
                return [answer_columns(answers) for answers in answer_chunks(self.network, self.encoded, chunks)]
            scores = score_chunks(self.network, [self.encoded[chunk] for chunk in chunks])
            return [choice_columns(*pair) for pair in zip(items, scores, strict=True)]
