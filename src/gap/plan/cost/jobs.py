"""The jobs of a study as Snakemake counts them, without Snakemake: outputs, inputs, work and the name of the timing file.

Every output stands in ``rule all`` and every input is ``ancient()``.  So a job is to do exactly where one of its outputs or inputs
is missing (Snakemake 9, ``DAG.update_needrun``), and no graph need be built to know it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.params.models import PretrainedHere
from gap.params.steps import scored_steps
from gap.params.tokenizers import TokenizerTrained
from gap.plan.cost.work import DIRECTIONS, OTHER, PORTABLE, TOKENS, Rates, Work
from gap.plan.job_memory import POSTTRAINING, SCORING, megabytes, summed_copies
from gap.plan.light import LightStage
from gap.plan.model_size import model_size
from gap.plan.plan import Plan
from gap.plan.stages import corpora, describe, evaluate, fetch_lock, items, light_stages, models, posttrain, tokenizers
from gap.plan.stages.posttrain import Shard
from gap.runtime.device import device_kind
from gap.tasks.registry import TASKS

if TYPE_CHECKING:
    from gap.params.study import Study
    from gap.plan.graph import Graph

Paths = Callable[[], list[Path]]
#: Bytes of a stored weight, of an item's score, of an update's row.
WEIGHT, SCORE, ROW = 4, 65, 250
#: Ways to score that the noise floor compares, each in costlier passes (measured on demo).
VARIANTS, DEARER = 9, 2.5
#: Core-seconds of light stages (measured on demo), and per item score that they read.
LIGHT = {
    "fetch_lock": (0.5, 0.0),
    "boundary": (1.4, 0.0),
    "overlap": (1.2, 0.0),
    "aggregate": (5.2, 6e-5),
    "estimate": (6.0, 3e-5),
    "rescore": (5.0, 3e-5),
    "tables": (1.2, 0.0),
    "figures": (8.0, 0.0),
    "report": (1.5, 0.0),
}
#: Item scores beyond which the memory of the stages that read them was never measured.
MANY = 1e6
#: Updates until the best step of an exported run.
EXPORT_UPDATES = 8
#: Names of light stages' rules.
RULES = {
    "fetch_lock": "lock_fetched",
    "noise": "report_noise",
    "boundary": "report_boundary",
    "overlap": "report_overlap",
    "tables": "make_tables",
    "figures": "draw_figures",
    "report": "write_report",
}


def _nothing() -> list[Path]:
    return []


@dataclass(frozen=True)
class Job:
    """One job.

    stage: its rule, without the number of a group of tasks; model: a name of the study, or empty; timing: its benchmark file below
    results/STUDY/timing, without keys; copies: of the weights in memory, 0 without a model; tokens: of the longest text that it trains
    on; memory: MiB beside both; disk: bytes that it writes.
    """

    stage: str
    timing: str
    work: Work
    model: str = ""
    outputs: Paths = _nothing
    inputs: Paths = _nothing
    copies: float = 0.0
    memory: float = 150.0
    disk: float = 0.0
    tokens: int = 0

    @property
    def to_do(self) -> bool:
        """Whether Snakemake would run it."""
        return not all(path.exists() for path in (*self.outputs(), *self.inputs()))


def rates_of(study: Study) -> Rates:
    """Where a study runs on this machine."""
    return Rates(device_kind(study.jobs.device), PORTABLE if study.jobs.arithmetic == "portable" else 1.0)


def study_jobs(plan: Plan, graph: Graph | None = None) -> list[Job]:
    """All jobs of a study that runs models; without its graph nobody can tell which light stages are to do."""
    return [*_preparing(plan), *_describing(plan), *_post_training(plan), *_scoring(plan), *_light(plan, graph)]


def published_jobs(graph: Graph) -> list[Job]:
    """The jobs of a study of the authors' rows: files to fetch, and one stage."""
    stage = graph.stages["published"]
    upstream = graph.document["light"]["upstream"]
    files = [Path(path) for path in graph.heavy]
    fetch = [
        Job("fetch_upstream", f"upstream/{path.relative_to(upstream)}", Work(1.0), outputs=_one(Path, path), disk=1e6) for path in files
    ]
    outputs = [*map(Path, stage.paths), Path(graph.record("published"))]
    return [*fetch, Job("published", "published", Work(35.0), outputs=lambda: outputs, inputs=lambda: files, memory=280, disk=2e6)]


def _preparing(plan: Plan) -> Iterator[Job]:
    study = plan.study
    for task, split in plan.task_splits:
        size = 2.5e4 if study.items.kind == "miniature" else 1e6
        yield Job("fetch_items", f"items/{task}-{split}", Work(0.7), outputs=_one(items.path, plan, task, split), memory=80, disk=size)
    for name in plan.tokenizers:
        settings = study.tokenizers[name]
        work, memory, disk = Work(30.0), 1000, 1e7
        if isinstance(settings, TokenizerTrained):
            work, memory, disk = Work(1.0 + 4e-6 * settings.max_bytes), 80, 2e5
        yield Job("build_tokenizer", f"tokenizers/{name}", work, outputs=_one(tokenizers.path, plan, name), memory=memory, disk=disk)
    for corpus, tokenizer in plan.corpus_tokenizers:
        kind = study.sources[study.corpora[corpus].source].kind
        yield Job(
            "sample_corpus", f"corpora/{corpus}-{plan.corpus_texts:04d}", Work(2.3 if kind == "stdlib" else 4.0),
            outputs=_one(corpora.path, plan, corpus, tokenizer),
            inputs=partial(_corpus_inputs, plan, corpus, tokenizer), memory=160 if kind == "stdlib" else 680, disk=5e3 + 2e3 * plan.corpus_texts,
        )  # fmt: skip
    for name, model in study.models.items():
        weights = model_size(plan, name).parameters
        work = Work(opens_model=True, fixed=200e-9 * weights)  # dequantised and written
        if isinstance(model, PretrainedHere):
            tokens = model.tokens or 0
            work = Work(opens_model=True, trained=tokens, steps=1.6 * tokens / (model.sequence * model.batch), fixed=model.seconds or 0.0)
        yield Job(
            "build_model", f"models/{name}", work, name, partial(models.files, plan, name),
            _one(tokenizers.path, plan, study.models[name].tokenizer), 1.8, 480, WEIGHT * weights,
        )  # fmt: skip


def _corpus_inputs(plan: Plan, corpus: str, tokenizer: str) -> list[Path]:
    return [tokenizers.path(plan, tokenizer), *(items.path(plan, *pair) for pair in corpora.removed_items(plan, corpus))]


def _one(path: Callable[..., Path], *arguments: Any) -> Paths:
    return lambda: [path(*arguments)]


def _describing(plan: Plan) -> Iterator[Job]:
    study, settings = plan.study, plan.study.describe
    texts = plan.corpus_texts * len(study.corpora)
    generated = texts * settings.prefixes * settings.continuation
    pairs = [pair for pair in plan.task_splits if pair[1] == study.evaluate.splits[0]] if settings.gradient_items else []
    gradients = settings.gradient_items * len(pairs)
    trained = settings.gradient_items * sum(_tokens(task, 0) for task, _ in pairs)
    work = Work(opens_model=True, forward=generated, trained=trained, decoding=texts * settings.continuation, gradients=gradients)
    for model in plan.subjects:
        name = f"features/{model}-{plan.corpus_texts:04d}"
        outputs = _one(describe.path, plan, model)
        inputs = partial(_model_inputs, plan, model, outputs, pairs)
        beside = 500 + min(megabytes(model_size(plan, model), len(pairs), beside=0), settings.gradients_gib * 1024)
        yield Job("describe_texts", name, work, model, outputs, inputs, SCORING + 1, beside, 1e4 + ROW * texts)


def _model_inputs(plan: Plan, model: str, outputs: Paths, pairs: list[tuple[str, str]]) -> list[Path]:
    """A model's record, the texts where outputs lack, and items."""
    texts = corpora.inputs_for(plan, model, outputs())
    return [models.path(plan, model), *map(Path, texts), *(items.path(plan, *pair) for pair in pairs)]


def _tokens(task: str, new: int) -> float:
    """Tokens that an item of a task feeds; ``new``: decoded behind a dialogue."""
    return TOKENS.get(task, OTHER) + (new if TASKS[task].group == "dialogue" else 0)


def _run_count(plan: Plan, shard: Shard) -> int:
    return len(plan.study.corpora) * len(posttrain.texts_of_runs(plan, shard))


def _updates(plan: Plan, shard: Shard) -> tuple[float, float]:
    """Updates of a shard, each text of each run, and tokens in them (weighed by what the direction costs)."""
    gap = plan.study.methods[shard.method].gap
    combined = sum(map(len, posttrain.texts_of_runs(plan, shard)))
    done = len(plan.study.corpora) * combined * gap.updates
    return done, done * gap.texts_per_update * plan.longest_text(gap) * DIRECTIONS.get(getattr(gap.direction, "kind", ""), 1.0)


def _post_training(plan: Plan) -> Iterator[Job]:
    for shard in posttrain.shards(plan):
        updates, trained = _updates(plan, shard)
        outputs = _one(posttrain.path, plan, shard)
        inputs = partial(_model_inputs, plan, shard.model, outputs, [])
        name = f"runs/{shard.model}-{shard.method}-{shard.first:04d}-{shard.last:04d}"
        work = Work(opens_model=True, trained=trained, steps=updates)
        copies = POSTTRAINING + summed_copies(plan.study.methods[shard.method])
        yield Job("post_train", name, work, shard.model, outputs, inputs, copies, 520, 1e4 + ROW * updates, plan.text_tokens)


def _scoring(plan: Plan) -> Iterator[Job]:
    for group, pairs in enumerate(evaluate.task_groups(plan)):
        for model in plan.references:
            yield _score_base(plan, model, group, pairs)
        for shard in posttrain.shards(plan):
            yield _score_runs(plan, shard, group, pairs)


def item_tokens(plan: Plan, pairs: list[tuple[str, str]]) -> float:
    """Tokens of one item of each of these tasks together, through one checkpoint."""
    return sum(_tokens(task, plan.study.evaluate.max_new_tokens - 1) for task, _ in pairs)


def _score_base(plan: Plan, model: str, group: int, pairs: list[tuple[str, str]]) -> Job:
    count = plan.study.evaluate.items
    return Job(
        "evaluate_base", f"scores/{model}/base-items-{count:05d}-{group}",
        Work(opens_model=True, forward=count * item_tokens(plan, pairs)), model,
        lambda: [evaluate.base_path(plan, model, *pair) for pair in pairs],
        lambda: [models.path(plan, model), *(items.path(plan, *pair) for pair in pairs)],
        SCORING, 480, SCORE * count * len(pairs),
    )  # fmt: skip


def _score_runs(plan: Plan, shard: Shard, group: int, pairs: list[tuple[str, str]]) -> Job:
    count, (updates, trained) = plan.study.evaluate.items, _updates(plan, shard)
    steps = len(scored_steps(plan.study.evaluate.steps, posttrain.updates(plan, shard)))
    checkpoints = _run_count(plan, shard) * steps + (shard.first == 0 and shard.method == plan.primary)

    def outputs() -> list[Path]:
        return [evaluate.path(plan, shard, *pair) for pair in pairs]

    def inputs() -> list[Path]:
        return [posttrain.path(plan, shard), *_model_inputs(plan, shard.model, outputs, pairs)]

    name = f"scores/{shard.model}/{shard.method}-{shard.first:04d}-{shard.last:04d}-{group}"
    work = Work(opens_model=True, forward=checkpoints * count * item_tokens(plan, pairs), trained=trained, steps=updates)
    disk = SCORE * checkpoints * count * len(pairs)
    copies = SCORING + POSTTRAINING + summed_copies(plan.study.methods[shard.method])
    return Job("evaluate_runs", name, work, shard.model, outputs, inputs, copies, 520, disk, plan.text_tokens)


def _light(plan: Plan, graph: Graph | None) -> Iterator[Job]:
    scored = sum(job.disk for job in _scoring(plan)) / SCORE
    noise = VARIANTS * DEARER * plan.study.evaluate.noise_items * item_tokens(plan, plan.task_splits)
    sizes = {model: model_size(plan, model).parameters for model in plan.subjects}
    largest = max(plan.subjects, key=lambda name: (math.isnan(sizes[name]), sizes[name]))
    noise *= sum(sizes.values()) / sizes[largest]
    works = {name: Work(fixed + per_score * scored) for name, (fixed, per_score) in LIGHT.items()}
    for stage in light_stages(plan):
        name = stage.name
        reads_scores = name in LIGHT and LIGHT[name][1] > 0
        ends: tuple[Paths, Paths] = (partial(_made, stage, graph), partial(_read, plan, stage, graph))
        subject = name.removeprefix("export-")
        if subject != name:
            work, disk = Work(opens_model=True, trained=200.0 * EXPORT_UPDATES, steps=EXPORT_UPDATES), WEIGHT * sizes[subject]
            copies = POSTTRAINING + summed_copies(plan.study.methods[plan.primary])
            yield Job("export_checkpoint", f"checkpoints/{subject}", work, subject, *ends, copies, 520, disk, plan.text_tokens)
        elif name == "noise":
            yield Job("report_noise", name, Work(opens_model=True, forward=noise), largest, *ends, SCORING, 520, 2e5)
        else:
            known = math.nan if scored > MANY and reads_scores else 230.0
            yield Job(RULES.get(name, name), name, works.get(name, Work(2.0)), "", *ends, memory=known, disk=2e5)


def _read(plan: Plan, stage: LightStage, graph: Graph | None) -> list[Path]:
    """The inputs of a light stage's rule."""
    assert graph is not None
    stages, subject = graph.stages, stage.name.removeprefix("export-")
    if subject != stage.name:
        tables = stages["aggregate"].outputs
        return [models.path(plan, subject), tables["run_scores"], tables["trajectories"]]
    needed = [path for need in stage.needs for path in stages[need].outputs.values()]
    if stage.name in ("aggregate", "estimate", "rescore"):
        return [*needed, *map(Path, graph.heavy)]
    sets = [items.path(plan, *pair) for pair in plan.task_splits]
    read = {
        "fetch_lock": fetch_lock.inputs(plan),
        "noise": [models.path(plan, name) for name in plan.subjects],
        "overlap": [corpora.path(plan, *pair) for pair in plan.corpus_tokenizers],
        "boundary": [tokenizers.path(plan, name) for name in plan.tokenizers],
    }
    return [*needed, *([*dict.fromkeys([*read[stage.name], *sets])] if stage.name in read else [])]


def _made(stage: LightStage, graph: Graph | None) -> list[Path]:
    assert graph is not None
    return [*stage.outputs.values(), Path(graph.record(stage.name))]
