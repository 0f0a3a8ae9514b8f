"""The public API, for a notebook or a script: a model, updates on one text, scores before and after, and a study's results.

``from gap import open_model, post_train, generate, score, restore, read_study`` (docs/tutorial.md shows all of them).  Each calls what
the pipeline's jobs call, so that its numbers are theirs.  These names, their parameters and what they return stay as they are from
version to version; whatever else the package holds may change.  Wrong input raises ``gap.core.errors.GapError``, which says in one
paragraph what was found, what is allowed and how to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.errors import BadInput, refusing
from gap.core.files import DAMAGED, read_object
from gap.core.unicode import is_utf8

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from gap.evaluate.session import Session, TaskScorer
    from gap.models.weights import Snapshot

__all__ = ["Model", "Study", "generate", "open_model", "post_train", "read_study", "restore", "score"]

#: Tables of a study that stand in many files: one per task and shard of runs.
ITEM_SCORES = "item_scores"
CURE = "Make the study (make STUDY=NAME), or pull it (dvc pull)."


@dataclass
class Model:
    """A causal language model whose weights change in place: ``open_model`` makes it, ``post_train`` and ``restore`` change it.

    Parameters
    ----------
    name: the end of the folder's name, column ``model`` of the tables.
    folder: its Hugging Face folder; of a hub model or a GGUF file, where it is kept.
    session: the loaded model (``session.model``, a transformers model in fp32) with ``session.tokenizer``.
    base, digest: the copy of the weights that it was opened with, and their digest.
    method, run, step: what the present weights are: direction, digest of what made them, real updates; step 0 is the base.
    scorers: tasks that were scored, encoded for the model, by file and number of items.
    """

    name: str
    folder: Path
    session: Session
    base: Snapshot
    digest: str
    method: str = ""
    run: str = "base"
    step: int = 0
    scorers: dict[tuple[Path, int], TaskScorer] = field(default_factory=dict, repr=False)


def open_model(
    name: str | Path,
    *,
    device: str = "auto",
    precision: str | None = None,
    max_length: int = 512,
    max_new_tokens: int = 32,
    threads: int = 1,
) -> Model:
    """Load a causal language model to update, ask and score.

    It is loaded as the pipeline does it: fp32 weights, every dropout 0, torch's deterministic algorithms for the whole process.

    Parameters
    ----------
    name: a Hugging Face folder, a GGUF file (dequantised to fp32), or ``ID`` or ``ID@REVISION`` of a hub model;
        ``read_study("demo").models["nano-s"]`` is the folder of a model that a study trained.
    device: cpu, cuda, or auto (a GPU where torch sees one).
    precision: of scoring, fp32, bf16 or fp16 autocast; None is fp16 on a GPU and fp32 on a CPU.
    max_length: tokens of context and continuation in ``score``; longer contexts are cut from the left.
    max_new_tokens: greedy tokens of an answer in ``score``.
    threads: CPU threads; on a CPU the last bits depend on it.

    Raises
    ------
    BadInput: no such model, a folder without tokenizer or weights, or settings that it does not take.
    Unavailable: the hub is out of reach or lacks the model.
    """
    from gap.evaluate.any_model.opened import opened_model
    from gap.evaluate.any_model.settings import ScoreSettings
    from gap.evaluate.session import Session
    from gap.models.weights import Snapshot, weights_digest
    from gap.params.evaluate import EvaluateJob, ScoredTask
    from gap.params.names import suggestion
    from gap.plan.kept_items import ROOT
    from gap.runtime.device import device_kind
    from gap.runtime.runtime import Runtime

    _check_least({"max_length": (max_length, 9), "max_new_tokens": (max_new_tokens, 1), "threads": (threads, 1)})
    folder = opened_model(str(name), ROOT / "models")
    settings = ScoreSettings(None, 1, None, precision, max_length, "auto", None).evaluate(device_kind(device))
    settings = settings.model_copy(update={"max_new_tokens": max_new_tokens})
    called = suggestion(folder.resolve().name) or "model"
    job = EvaluateJob(model=called, method="", tasks=[ScoredTask(task="any", split="any")], evaluate=settings, items=1)
    session = Session(job, folder, Runtime(device=device, threads=threads), "auto")
    return Model(called, folder, session, Snapshot(session.model, compact=True), weights_digest(session.model))


def _check_least(given: dict[str, tuple[int, int]]) -> None:
    """Each value (name -> value, least) must be a whole number that is not below its least."""
    for name, (value, least) in given.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise BadInput(name, repr(value), f"a whole number, {least} or more", "Correct it.")
        if value < least:
            raise BadInput(name, str(value), f"{least} or more", "Raise it.")


def _check_text(name: str, value: str) -> None:
    """It must be text, such as UTF-8 can hold."""
    if not isinstance(value, str):
        raise BadInput(name, f"a {type(value).__name__}", "one string", "Correct it.")
    if not is_utf8(value):
        raise BadInput(name, "half of a surrogate pair", "text that UTF-8 can hold", "Decode it anew from where it comes from.")


def restore(model: Model) -> None:
    """Put the base weights back, bit for bit.

    Raises
    ------
    Refused: they have another digest: the copy was changed.
    """
    model.base.restore(model.digest)
    model.session.refreshed = False
    model.method, model.run, model.step = "", "base", 0


def post_train(model: Model, text: str, updates: int = 1, **settings: Any) -> pd.DataFrame:
    """Update the model on one text from its base weights; by default up the text's loss, as in the paper.

    The new weights stay in the model, for ``generate`` and ``score``; a further call begins at the base weights again, so that
    what is in the model depends on nothing but text, updates and settings.  A call that fails leaves the base weights.

    Parameters
    ----------
    text: its tokens behind the opening token are predicted; cut at ``max_tokens`` (512).
    updates: to be tried; in fp16 the loss scaler may skip some.
    settings: keys of ``gap`` in params.yaml, laid over the paper's values (Adam, learning rate 5e-5, fp32): such as
        ``direction="descent"``, ``direction={"kind": "random", "seed": 1}``, ``optimizer={"kind": "sgd", ...}``, ``learning_rate=1e-4``.

    Returns
    -------
    Table ``trajectories`` without its names: a row per update tried and row 0, the base.  ``loss`` is the text's mean token NLL
    (nats) before the update, ``grad_norm``, ``update_norm`` and ``distance`` are L2 norms over all weights, ``digest`` is that
    of the weights behind it.

    Raises
    ------
    BadInput: no text, or one without a token or with more than the model has positions, an unknown setting, or a value it does not take.
    """
    import dataclasses

    import pandas as pd

    from gap.core.digest import digest
    from gap.models.text import encode_text, max_positions
    from gap.params.one_text import one_text_method
    from gap.posttrain.run import run_method

    _check_text("text", text)
    _check_least({"updates": (updates, 1)})
    method, session = one_text_method({**settings, "updates": updates}), model.session
    ids = encode_text(session.tokenizer, text, method.gap.max_tokens, max_positions(session.model))
    restore(model)
    try:
        rows = [dataclasses.asdict(row) for row in run_method(model.base, [[ids]], method, updates)]
    except BaseException:
        restore(model)
        raise
    made = digest([model.digest, method.identity(), text, updates], 16)
    model.method, model.run, model.step = method.gap.direction.kind, made, rows[-1]["step"]  # type: ignore[attr-defined]
    return pd.DataFrame(rows)


def generate(model: Model, prompt: str, max_new_tokens: int = 32) -> str:
    """What the model says greedily behind ``prompt``, up to its end token or ``max_new_tokens`` tokens; the prompt is not repeated.

    The opening token stands in front, as in training and scoring.  Every token comes from a pass over all that stands before
    it: slow, and right for every family of models.

    Raises
    ------
    BadInput: the prompt leaves the model no position for the answer.
    """
    import torch

    from gap.models.plain_decoding import decode_without_cache
    from gap.models.text import eos_ids, max_positions, until
    from gap.models.tokenizer import opening_id

    _check_text("prompt", prompt)
    _check_least({"max_new_tokens": (max_new_tokens, 1)})
    network, tokenizer = model.session.model, model.session.tokenizer
    ids = [opening_id(tokenizer), *tokenizer.encode(prompt, add_special_tokens=False)]
    most = max_positions(network) - max_new_tokens + 1  # the last new token is never fed
    if len(ids) > most:
        allowed = f"at most {most} before {max_new_tokens} new ones, by the model's positions"
        raise BadInput(f"prompt {prompt[:40]!r}", f"{len(ids)} tokens", allowed, "Shorten the prompt, or lower max_new_tokens.")
    prompts = torch.tensor([ids], device=network.device)

    def logits_at(rows: Tensor, places: Tensor) -> Tensor:
        positions = torch.arange(rows.shape[1], device=rows.device)[None]  # given, they spare a sum that has no deterministic CUDA kernel
        return network(input_ids=rows, position_ids=positions, use_cache=False).logits[torch.arange(len(rows), device=rows.device), places]

    with torch.no_grad():
        [answer] = decode_without_cache(logits_at, prompts, torch.tensor([len(ids)], device=network.device), max_new_tokens).tolist()
    return str(tokenizer.decode(until(answer, eos_ids(network)), skip_special_tokens=True))


def score(model: Model, task: str, items: int = 320, *, source: str | None = None, split: str | None = None) -> pd.DataFrame:
    """Score the model as it stands on one task, as ``gap score`` and the pipeline do.

    Parameters
    ----------
    task: one of the paper's 12 (``piqa``, ``blended_skill_talk``, ...), or ``lm_eval:NAME`` for any of lm-eval's.
    items: from the first.
    source: where they come from: miniature (shipped here), folder:PATH, or hub; None is $GAP_MIRROR where it is set, else hub.
    split: validation or test; None is validation where the task has it.

    Returns
    -------
    Table ``item_scores`` (docs/tables.md), a row per item: ``correct`` and ``log_probabilities`` (nats, one per choice) of a
    multiple-choice item, ``response``, ``f1`` (a fraction) and ``nll`` (nats) of a dialogue.  ``method``, ``run`` and ``step`` say
    which weights were scored, so that tables of several calls can be put together.

    Raises
    ------
    BadInput: an unknown task, split or source, or a model with too few positions.
    Unavailable: the hub or the mirror is out of reach.
    Refused: a log-probability is not finite: the updates went too far.
    """
    import pandas as pd

    from gap.evaluate.any_model.settings import ScoreSettings
    from gap.evaluate.encoding.item_chunks import item_chunks
    from gap.evaluate.session import TaskScorer
    from gap.plan.fingerprints import Fingerprints
    from gap.plan.kept_items import kept_items
    from gap.tasks.items import load_items

    _check_text("task", task)
    _check_least({"items": (items, 1)})
    settings = ScoreSettings(task, items, split, None, 512, "auto", source)
    scored, *more = settings.scored_tasks()
    if more:
        raise BadInput("task", repr(task), "one task", "Call score once for each.")
    path = kept_items(scored, settings.items_source(), Fingerprints())
    if (path, items) not in model.scorers:
        model.scorers[path, items] = TaskScorer(model.session, load_items(scored.task, path, items))
    scorer = model.scorers[path, items]
    names: dict[str, Any] = {"model": model.name, "method": model.method, "corpus": "", "text": -1, "run": model.run, "step": model.step}
    chunks = range(len(item_chunks(scorer.items)))
    return pd.concat([rows for _, rows in scorer.score(chunks, names | scored.model_dump())], ignore_index=True)


@dataclass(frozen=True)
class Study:
    """A study's results, as ``read_study`` finds them.

    Parameters
    ----------
    name: in params.yaml.
    root: the folder of the project, below which all its files stand.
    plan: the content of results/NAME/plan.json.
    """

    name: str
    root: Path
    plan: dict[str, Any] = field(repr=False)

    @property
    def models(self) -> dict[str, Path]:
        """Name of each model -> its folder, for ``open_model``; it may not have been made yet."""
        return {name: self.root / entry["folder"] for name, entry in self.plan.get("models", {}).items()}

    @property
    def tables(self) -> dict[str, list[Path]]:
        """Name of each table -> its files: Parquet (their columns stand in docs/tables.md) or CSV."""
        light = {name: [self.root / path] for name, path in self.plan["light"].items() if path.endswith((".parquet", ".csv"))}
        scores = [self.root / path for path in dict.fromkeys(entry["path"] for entry in self.plan.get("scores", []))]
        return light | ({ITEM_SCORES: scores} if scores else {})

    def table(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """A table of the study, all columns or those named.

        ``item_scores`` has a row per checkpoint, task and item; ``run_scores`` one per checkpoint, task and metric;
        ``trajectories`` one per update; ``estimates`` the mean gains with their intervals.  Accuracies and F1 are fractions, losses nats.

        Raises
        ------
        BadInput: the study has no table of that name, it has not been made, a column is unknown, or a file is damaged.
        """
        import pandas as pd

        from gap.core.tables import TABLES, read_table

        files = self.tables.get(name)
        if files is None:
            raise BadInput(f"study {self.name}", f"no table {name!r}", f"one of {sorted(self.tables)}", "Correct the name.")
        for file in files:
            if not file.exists():
                raise BadInput(str(file), "no such file", f"table {name} of study {self.name}", CURE)
        if files[0].suffix == ".csv":
            with refusing(str(files[0]), "not a readable CSV file", f"table {name}", DAMAGED):
                table = pd.read_csv(files[0], keep_default_na=False, na_values=[""])
            unknown = [column for column in columns or [] if column not in table]
        else:
            unknown = [column for column in columns or [] if column not in TABLES[name]]
            table = pd.concat([read_table(file, name, columns) for file in files], ignore_index=True) if not unknown else pd.DataFrame()
        if unknown:
            known = list(TABLES[name]) if name in TABLES else list(table)
            raise BadInput(f"table {name}", f"no column {unknown[0]!r}", f"columns {known}", "Correct the name.")
        return table[columns] if columns else table


def read_study(name: str, root: str | Path = ".") -> Study:
    """The results of study ``name`` in the project below ``root``; tables are read when they are asked for.

    Raises
    ------
    BadInput: it has no plan there, or a damaged one.
    """
    path = Path(root) / "results" / name / "plan.json"
    if not path.exists():
        raise BadInput(str(path), "no such file", "the plan of a study", f"Name the project's folder as root. {CURE}")
    return Study(name, Path(root), read_object(path, fields={"light": dict}))
