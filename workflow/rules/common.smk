# The plan of the selected study, and small helpers for the rules.
import os
import shutil
import sys

from gap.runtime.device import device_kind
from gap.core.errors import GapError
from gap.core.files import write_json
from gap.plan.code import changed_units
from gap.plan.features import describe_job, gradient_tasks
from gap.plan.graph import open_graph
from gap.plan.outputs import (
    corpora_of,
    items_flags,
    job_text,
    removal_items,
    shard_of,
    texts_for_features,
    texts_for_runs,
    texts_for_scores,
    tokenizer_of,
)


def read_graph(raw):
    """The graph of the selected study; one paragraph instead of a traceback when the parameters are wrong."""
    try:
        return open_graph(raw)
    except GapError as error:
        stop(error)


def stop(reason):
    """End with one paragraph and the exit code of a failed run."""
    logger.error(f"gap: {reason}")
    sys.exit(1)


def check_conda():
    """Say in one line that --use-conda needs conda."""
    methods = {str(method) for method in workflow.deployment_settings.deployment_method}
    if any("conda" in method.lower() for method in methods) and not (shutil.which("conda") or shutil.which("mamba")):
        stop(
            "--use-conda needs the command conda, which is not on PATH: install it (conda-forge's Miniforge), "
            "or leave the flag out to use the active environment (make builds one)."
        )


def shard(wildcards):
    """The shard of runs that an output's name stands for."""
    return shard_of(PLAN, wildcards.model, wildcards.method, wildcards.first)


GRAPH = read_graph(config)
PLAN, DOCUMENT, LIGHT, STAGES = GRAPH.plan, GRAPH.document, GRAPH.light, GRAPH.stages
STUDY = PLAN.study
# A study of the authors' released rows runs no model.
PUBLISHED = hasattr(STUDY, "published")
DATA, RESULTS, FIGURES = str(PLAN.data), str(PLAN.results), str(PLAN.figures)
PLAN_JSON = f"{RESULTS}/plan.json"
LOGS, TIMING = f"{RESULTS}/logs", f"{RESULTS}/timing"
# GPUs are reserved only where they are used: on a CPU all cores may work.  Only jobs on a base model that may be large share it out.
DEVICE = "cpu" if PUBLISHED else device_kind(STUDY.jobs.device)
GPU = 1 if DEVICE == "cuda" else 0
GPUS = 0 if PUBLISHED else GPU * STUDY.jobs.devices

if workflow.is_main_process:
    check_conda()
    GRAPH.settle()
    if changed_units():
        logger.info(
            f"Code differs from src/gap/plan/code.lock.json in: {', '.join(changed_units())}; results are keyed by the code itself (gap lock-code)."
        )


wildcard_constraints:
    taskkey="[0-9a-f]{12}",
    key="[0-9a-f]{12}",
    number="[0-9]+",
    hash="[0-9a-f]{8}",
    first="[0-9]{4}",
    last="[0-9]{4}",
    task="[a-z_]+",
    split="validation|test",
    name="[A-Za-z0-9._-]+",
    model="[A-Za-z0-9._-]+",
    method="[a-z][a-z0-9._-]*",
    corpus="[A-Za-z0-9._-]+",
