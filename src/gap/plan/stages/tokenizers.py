"""Tokenizers: trained here, from files, from a model, or from the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gap.params.sources import Source
from gap.params.tokenizers import TokenizerFiles, TokenizerJob, TokenizerLocal, TokenizerOfModel, TokenizerTrained
from gap.plan.code import code_version
from gap.plan.plan import Plan
from gap.plan.sources import model_identity, source_identity

CODE = ("gap.pretrain.build_tokenizer",)


def mixture_identity(plan: Plan, mixture: dict[str, float]) -> dict[str, Any]:
    """What determines the text of each source of a mixture."""
    return {name: source_identity(plan.study.sources[name], plan.study.seed, plan.fingerprints) for name in mixture}


def mixture_sources(plan: Plan, settings: Any) -> dict[str, Source]:
    """The sources that the mixture of these settings names; none where they have no mixture."""
    return {name: plan.study.sources[name] for name in getattr(settings, "mixture", {})}


def key(plan: Plan, name: str) -> str:
    """Key of a tokenizer."""
    tokenizer = plan.study.tokenizers[name]
    identity = tokenizer.identity()
    if isinstance(tokenizer, TokenizerTrained):
        identity["sources"] = mixture_identity(plan, tokenizer.mixture)
    elif isinstance(tokenizer, TokenizerFiles | TokenizerLocal):
        identity["path"] = plan.fingerprints.of_folder(tokenizer.path)
    elif isinstance(tokenizer, TokenizerOfModel):
        identity["model"] = model_identity(plan.study.models[tokenizer.model], plan.fingerprints)
    return plan.remember("tokenizer", name, settings=identity, code=code_version(*CODE))


def path(plan: Plan, name: str) -> Path:
    """The tokenizer's main file."""
    return plan.data / "tokenizers" / f"{name}-{key(plan, name)}" / "tokenizer.json"


def job(plan: Plan, name: str) -> TokenizerJob:
    """Make a tokenizer."""
    tokenizer = plan.study.tokenizers[name]
    model: Any = plan.study.models[tokenizer.model] if isinstance(tokenizer, TokenizerOfModel) else None
    return TokenizerJob(name=name, tokenizer=tokenizer, sources=mixture_sources(plan, tokenizer), model=model, seed=plan.study.seed)
