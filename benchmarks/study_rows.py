"""Rows of study ``small`` on one model, by the real stages in the order of the workflow, without Snakemake: for ``gpu_day.py``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def study_of(model: str, items: int, folder: Path) -> dict[str, Any]:
    """The parameters: study ``small`` on a GGUF file or Hugging Face folder; without one, for the rehearsal, of a tiny model made in
    ``folder``, shipped items and procedural texts.
    """
    from gap.params.load import read_params

    raw = read_params(ROOT / "params.yaml")
    study = raw["studies"]["small"]
    methods = {name: study["methods"][name] for name in ("ascent", "descent", "random")}
    for method in methods.values():
        method.get("gap", {}).pop("texts", None)
    study["methods"], study["jobs"] = methods, study["jobs"] | {"texts_per_job": 1}
    if model:
        kind = "gguf" if model.endswith(".gguf") else "local"
        study["models"] = {"model": {"kind": kind, "role": "subject", "path": str(Path(model).resolve())}}
        study["gap"] |= {"updates": 15, "texts": 50}
    else:
        study["models"] = {"model": {"kind": "local", "role": "subject", "path": str(tiny_folder(folder))}}
        study["sources"] = {"brackets": study["sources"]["brackets"]}
        study["corpora"] = {"brackets": study["corpora"]["brackets"]}
        study["gap"] |= {"updates": 2, "texts": 1}
        study["items"] = {"kind": "miniature"}
        study["evaluate"] = study["evaluate"] | {"noise_items": 2}
    study["evaluate"] = study["evaluate"] | {"items": items, "steps": []}
    return raw | {"study": "small"}


def tiny_folder(folder: Path) -> Path:
    """A tiny OPT and its tokenizer as a Hugging Face folder."""
    from workload import make_model, workload

    path = folder.resolve() / "tiny"
    make_model("tiny", "cpu").save_pretrained(path)
    workload(2, ("piqa",)).tokenizer.save_pretrained(path)
    return path


def scored_tables(raw: dict[str, Any], device: str) -> Iterator[list[Path]]:
    """The tables of item scores of one shard after the other."""
    from gap.corpora.sample import sample_corpus
    from gap.evaluate.job import RunFiles, TaskFiles, evaluate
    from gap.fetch.items import fetch_items
    from gap.params.load import resolve
    from gap.plan.plan import Plan
    from gap.plan.stages import corpora, items, models, posttrain, tokenizers
    from gap.plan.stages import evaluate as scores
    from gap.posttrain.job import posttrain as post_train
    from gap.pretrain.build import build_model
    from gap.pretrain.build_tokenizer import build_tokenizer
    from gap.runtime.runtime import Runtime

    plan, runtime = Plan(resolve(raw)), Runtime(device)

    def make(path: Path, work: Any) -> Path:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            work()
        return path

    for name in plan.tokenizers:
        make(file := tokenizers.path(plan, name), partial(build_tokenizer, tokenizers.job(plan, name), file.parent))
    (name,) = plan.subjects
    tokenizer = tokenizers.path(plan, plan.study.models[name].tokenizer).parent
    model = make(
        models.path(plan, name), lambda: build_model(models.job(plan, name), tokenizer, models.path(plan, name).parent, runtime)
    ).parent
    for pair in plan.task_splits:
        make(file := items.path(plan, *pair), partial(fetch_items, items.job(plan, *pair), file))
    texts = {corpus: Path(file) for corpus, file in corpora.of_model(plan, name).items()}
    for corpus, file in texts.items():
        make(file, partial(sample_corpus, corpora.job(plan, corpus), tokenizer, {}, file))
    for shard in sorted(posttrain.shards(plan), key=lambda shard: shard.first):
        trajectories = posttrain.path(plan, shard)
        make(trajectories, partial(post_train, posttrain.job(plan, shard), model, texts, trajectories, runtime))
        pairs = plan.task_splits
        files = {pair: TaskFiles(items.path(plan, *pair), scores.path(plan, shard, *pair)) for pair in pairs}
        evaluate(scores.job(plan, name, pairs, shard), model, files, RunFiles(texts, trajectories), runtime)
        yield [files[pair].scores for pair in pairs]


def means(tables: list[Path]) -> list[tuple[Any, ...]]:
    """(method, corpus, text, step, mean accuracy in %, mean F1 in %) of every checkpoint, unweighted over the tasks of a group."""
    import pandas as pd

    from gap.tasks.registry import TASKS

    frame = pd.concat([pd.read_parquet(path) for path in tables], ignore_index=True)
    frame["score"] = frame["f1"].where(frame["task"].map(lambda task: TASKS[task].group == "dialogue"), frame["correct"].astype(float))
    frame["group"] = frame["task"].map(lambda task: TASKS[task].group)
    columns = ["method", "corpus", "text", "step"]
    by_task = frame.groupby([*columns, "group", "task"], dropna=False)["score"].mean()
    by_group = by_task.groupby([*columns, "group"], dropna=False).mean().unstack("group").reset_index()
    return [
        (
            row.method or "unmodified",
            row.corpus,
            int(row.text),
            int(row.step),
            round(100 * row.classification, 2),
            round(100 * row.dialogue, 2),
        )
        for row in by_group.itertuples()
    ]
