"""The loaded model with a task's items compiled for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from gap.core.errors import BadInput
from gap.evaluate.encoding.encode import Layout, encode_items
from gap.evaluate.encoding.item_chunks import item_chunks
from gap.evaluate.engine.scoring_model import open_scoring_model, with_scoring_model
from gap.evaluate.engine.split_model import max_positions, split_model
from gap.evaluate.item_scores import answer_columns, choice_columns, frame, item_columns
from gap.evaluate.lm_eval.backend import LmEvalBackend
from gap.evaluate.scoring import kernel_choice as kernels
from gap.evaluate.scoring.dialogue import answer_chunks, encode_dialogues
from gap.evaluate.scoring.layout_check import choose_layout
from gap.evaluate.scoring.multiple_choice import score_chunks
from gap.models.load import load_model, open_device
from gap.models.precision import DTYPES, autocast
from gap.models.text import run_ids
from gap.models.tokenizer import load_tokenizer
from gap.models.weights import Snapshot, weights_digest
from gap.params.jobs import EvaluateJob, RunId
from gap.posttrain.replay import Tally, replay
from gap.runtime.process_group import process_group
from gap.runtime.runtime import Runtime
from gap.tasks.items import Dialogue, Item, MultipleChoice

if TYPE_CHECKING:
    import pandas as pd


class Session:
    """One model on one device, ready to score any step of any run on one task."""

    def __init__(self, job: EvaluateJob, folder: Path, items: Sequence[Item], runtime: Runtime, scorer: str = "auto") -> None:
        self.job, self.items, self.host = job, list(items), runtime.offload
        self.place = open_device(runtime)
        self.device = self.place.type
        self.dtype = DTYPES[job.evaluate.precision]
        self.tokenizer = load_tokenizer(folder)
        self.model: Any = load_model(folder, self.place)
        self.network = split_model(self.model)
        self.twin = None if scorer == "lm-eval" else open_scoring_model(self.network, self.dtype)
        self.scorer = with_scoring_model(self.network, self.twin)
        self.kind = scorer
        self.layout, self.reason = "one row per dialogue", ""  # what the provenance record says
        self.snapshot: Snapshot | None = None
        self.digest = ""  # of the base weights, once there is a snapshot of them
        self.tally = Tally()  # of all replays, for the provenance record
        self.stock = self._stock() if scorer == "lm-eval" else None
        self.encoded: Any = None if self.stock is not None else self._compile()
        self.kernel = self._choose_kernel()

    def _stock(self) -> LmEvalBackend:
        if process_group().size > 1:
            raise BadInput(
                "--scorer lm-eval", f"a model on {process_group().size} devices", "--devices 1", "lm-eval's backend holds the whole model."
            )
        self.layout = "lm-eval's HF backend"
        return LmEvalBackend(self.model, self.tokenizer, self.job.evaluate, self.device, self.dtype)

    def _compile(self) -> Any:
        """Everything that does not depend on the weights.

        Raises
        ------
        BadInput: the model has fewer positions than evaluate.max_length asks for.
        """
        settings = self.job.evaluate
        if isinstance(self.items[0], Dialogue):
            return encode_dialogues(cast("list[Dialogue]", self.items), self.tokenizer, settings, self.model, self.device)
        # the last token of a sequence is not fed
        if settings.max_length - 1 > max_positions(self.model):
            found = f"{settings.max_length} for a model of {max_positions(self.model)} positions"
            raise BadInput("evaluate.max_length", found, f"at most {max_positions(self.model) + 1}", "Lower it.")
        items = cast("list[MultipleChoice]", self.items)
        chosen: tuple[Layout, str] = ("plain", "")
        if self.kind != "plain":
            chosen = choose_layout(self.network, items, self.tokenizer, settings.max_length, self.device)
        self.layout, self.reason = chosen
        return encode_items(items, self.tokenizer, settings.max_length, settings.batch_tokens, self.device, chosen[0])

    def _choose_kernel(self) -> str:
        """The fastest way to run the job's batches takes the scorer's place; returns what the provenance record says of the choice."""
        if self.stock is not None or isinstance(self.items[0], Dialogue) or self.device not in kernels.CHOOSING or process_group().size > 1:
            return "as it is"
        batches = [batch for block in self.encoded for batch in block.batches]
        choice = kernels.choose(self.scorer, batches, self.dtype)
        self.scorer = choice.network
        return str(choice)

    def score(self, wanted: Sequence[int], names: dict[str, Any]) -> Iterator[tuple[int, pd.DataFrame]]:
        """Rows of the item blocks with these numbers, by the weights that are in the model now."""
        names = names | {"task": self.job.task, "split": self.job.split}
        places = [list(block) for block in item_chunks(self.items)]
        if self.stock is not None:
            yield from ((block, frame(names, item_columns(places[block], self.items) | self._by_stock(places[block]))) for block in wanted)
            return
        if self.twin is not None:
            self.twin.refresh_weights()
        with autocast(self.device, self.dtype):
            if isinstance(self.items[0], Dialogue):
                columns = [answer_columns(answers) for answers in answer_chunks(self.scorer, self.encoded, wanted)]
            else:
                scores = score_chunks(self.scorer, [self.encoded[block] for block in wanted])
                own = [[cast("MultipleChoice", self.items[place]) for place in places[block]] for block in wanted]
                columns = [choice_columns(*pair) for pair in zip(own, scores, strict=True)]
        for block, found in zip(wanted, columns, strict=True):
            yield block, frame(names, item_columns(places[block], self.items) | found)

    def _by_stock(self, places: Sequence[int]) -> dict[str, list[Any]]:
        assert self.stock is not None
        own: list[Any] = [self.items[place] for place in places]
        return answer_columns(self.stock.answers(own)) if isinstance(own[0], Dialogue) else choice_columns(own, self.stock.choices(own))

    def base(self) -> None:
        """Put the base weights back, if a replay has changed them."""
        if self.snapshot is not None:
            self.snapshot.restore(self.digest)

    def replay(self, run: RunId, texts: dict[tuple[str, int], str], expected: pd.DataFrame) -> Iterator[int]:
        """Walk through a run; yields each real step with its weights in the model."""
        method = self.job.settings
        assert method is not None
        if self.snapshot is None:
            self.digest, self.snapshot = weights_digest(self.model), Snapshot(self.model, self.host, compact=True)
        ids = run_ids(self.tokenizer, run, texts, method.gap, getattr(self.model.config, "max_position_embeddings", None))
        return replay(self.model, self.snapshot, ids, method, expected, self.job.evaluate.replay_tolerance, self.host, self.tally)
