"""Base models: trained here, or from a folder, a GGUF file, a Python package or the hub."""

from __future__ import annotations

from pathlib import Path

from gap.params.models import ModelJob, PretrainedHere
from gap.plan.code import code_version
from gap.plan.plan import Plan
from gap.plan.sources import model_identity
from gap.plan.stages import tokenizers

CODE = ("gap.pretrain.build",)


def key(plan: Plan, name: str) -> str:
    """Key of a base model."""
    model = plan.study.models[name]
    identity = model_identity(model, plan.fingerprints) | {"tokenizer": tokenizers.key(plan, model.tokenizer)}
    if isinstance(model, PretrainedHere):
        identity |= {"sources": tokenizers.mixture_identity(plan, model.mixture), "seed": plan.study.seed}
    return plan.remember("model", name, settings=identity, code=code_version(*CODE))


def path(plan: Plan, name: str) -> Path:
    """The model's provenance record, written last into its folder."""
    return plan.data / "models" / f"{name}-{key(plan, name)}" / "provenance.json"


#: What else a model's folder holds, so that the workflow sees it go.
FILES = ("model.safetensors", "config.json", "tokenizer.json")


def files(plan: Plan, name: str) -> list[Path]:
    """The files of a model's folder, its record first."""
    record = path(plan, name)
    return [record, *(record.with_name(file) for file in FILES)]


def job(plan: Plan, name: str) -> ModelJob:
    """Make a base model."""
    model = plan.study.models[name]
    return ModelJob(name=name, model=model, sources=tokenizers.mixture_sources(plan, model), seed=plan.study.seed)
