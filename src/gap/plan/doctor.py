"""What this machine can run of a study: the machine's own checks (``gap.runtime.checkup``), and memory, disk, inputs and hub for the study."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput, Unavailable
from gap.core.locations import PREFIX, VARIABLE, files_at, mirror
from gap.fetch.source_file import source_file
from gap.fetch.upstream import FOLDER
from gap.params.existing import GgufModel, HubModel
from gap.params.published import PublishedStudy
from gap.params.sources import AuthorsSource, HubSource
from gap.params.study import Study
from gap.params.tokenizers import TokenizerHub
from gap.plan.cost.downloads import hub_home
from gap.plan.cost.jobs import rates_of, study_jobs
from gap.plan.job_memory import POSTTRAINING, PROCESS, SCORING, gpu_copies, megabytes
from gap.plan.model_size import model_size
from gap.plan.plan import Plan
from gap.plan.stages.posttrain import shards
from gap.runtime import checkup
from gap.runtime.checkup import Check, setting, without_password
from gap.runtime.processor import processor_field
from gap.tasks.registry import TASKS

#: Variables in which the hub's library looks for a token.
TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
#: Either of them keeps it off the network.
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
ON_CLUSTER = "snakemake --workflow-profile profiles/slurm"


def checks(study: Study | PublishedStudy, *, network: bool = False) -> list[Check]:
    """Every check of this machine for a study; ``network``: whether the hub is asked."""
    root = Path(".")
    jobs = study.jobs if isinstance(study, Study) else None
    found = [
        checkup.python_version(),
        checkup.packages(root),
        checkup.gpu(jobs.device if jobs else "cpu", setting(study.name, "device=auto")),
    ]
    found.append(checkup.cpu(jobs.arithmetic if jobs else "fast", processor_field("flags"), setting(study.name, "arithmetic=fast")))
    if isinstance(study, Study):
        found += [*memory(study), disk(study, shutil.disk_usage(root).free)]
    found += [*checkup.commands(), *checkup.file_system(root), checkup.home(), inputs(study), hub(study, network=network)]
    return [*found, checkup.dvc_remote(root)]


def memory(study: Study) -> Iterator[Check]:
    """Peak memory of the largest job on each model, against this machine's or its GPU's."""
    plan = Plan(study)
    on_gpu = rates_of(study).device == "cuda"
    total, free = checkup.memory()
    if on_gpu:
        total = free = max((size for _, size in checkup.gpus()), default=0.0)
    if not total:
        return  # the check of the GPU says so
    for name, model in study.models.items():
        copies, tokens = (SCORING, 0) if model.role != "subject" else (SCORING + POSTTRAINING, plan.text_tokens)
        # of a soup's sums, which are fewer where memory is short, one is needed
        sums = any(study.methods[shard.method].combine for shard in shards(plan) if shard.model == name)
        size, processes = model_size(plan, name), study.jobs.devices
        # processes share the weights: each has its part on a GPU of its own, or all are on this machine
        on_each = megabytes(size, gpu_copies(copies), tokens) / processes
        needed = on_each if on_gpu else megabytes(size, copies + sums, tokens, PROCESS * processes)
        said = f"a job needs about {needed / 1024:.1f} GiB of {total / 1024:.1f}, {free / 1024:.1f} free"
        if needed != needed:
            yield Check(f"memory {name}", "warning", f"the size of the model is unknown; {total / 1024:.1f} GiB are here")
        elif needed > total:
            yield Check(f"memory {name}", "failing", said, setting(study.name, f"devices={2 * processes}") if on_gpu else ON_CLUSTER)
        else:
            yield Check(f"memory {name}", "ok" if needed <= free else "warning", said)


def disk(study: Study, free: float) -> Check:
    """Bytes of everything that the study writes, against those that are free."""
    needed = sum(job.disk for job in study_jobs(Plan(study)))
    if needed != needed:
        return Check("disk", "warning", f"{free / 1e9:.1f} GB free; the size of a model, and so what {study.name} needs, is unknown")
    said = f"{free / 1e9:.1f} GB free, all of {study.name} needs about {needed / 1e9:.2f}"
    if needed * 1.3 < free:
        return Check("disk", "ok", said)
    return Check("disk", "failing" if needed > free else "warning", said, "make clean STUDY=NAME CONFIRM=1")


def inputs(study: Study | PublishedStudy) -> Check:
    """Whether the mirror holds what the study reads there, or it was fetched before."""
    root = mirror()
    named = f"{VARIABLE}={root}" if root else f"{VARIABLE} not set"
    if root and not root.is_dir():
        return Check("mirror", "failing", f"{named}: no such folder", f"export {VARIABLE}=/path/to/mirror")
    missing = list(_missing(study))
    upstream = isinstance(study, PublishedStudy) or any(isinstance(source, AuthorsSource) for source in study.sources.values())
    if missing:
        return Check("mirror", "failing", f"{named}; {len(missing)} not there, such as {missing[0]}", f"export {VARIABLE}=/path/to/mirror")
    if upstream and not (root and (root / FOLDER).is_dir()):
        return Check("mirror", "warning", f"{named}; the authors' files come from the network, once")
    return Check("mirror", "ok", f"{named}; {'holds what' if root else 'not needed:'} the study reads{'' if root else ' nothing there'}")


def _missing(study: Study | PublishedStudy) -> Iterator[str]:
    """``mirror:`` paths of a study that are not there; sets of items unless they were fetched before."""
    if isinstance(study, PublishedStudy):
        return
    if study.items.kind == "folder":
        for task, split in Plan(study).task_splits:
            fetched = list((Path("data") / study.name / "items").glob(f"{task}-????????????/{split}.jsonl"))
            try:
                if not fetched and not TASKS[task].files and TASKS[task].lm_eval_source is None:
                    source_file(study.items, TASKS[task], split)
            except (BadInput, Unavailable):
                yield f"{task}/{split}.jsonl"
    for path in _mirror_paths(study.model_dump(mode="json", exclude={"items"})):
        try:
            files_at(path)
        except (BadInput, Unavailable):
            yield path


def _mirror_paths(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(PREFIX):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _mirror_paths(part)


def hub(study: Study | PublishedStudy, *, network: bool = False) -> Check:
    """How the hub's library is set up and, where ``network`` is asked for, whether the hub answers; a token's value is never shown."""
    named = os.environ.get("HF_ENDPOINT")
    offline = next((name for name in OFFLINE if os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE")), "")
    token = Path(os.environ.get("HF_TOKEN_PATH") or hub_home() / "token").expanduser()
    has_token = any(map(os.environ.get, TOKENS)) or token.is_file()
    needs = uses_hub(study)
    said = (
        f"{'needed' if needs else 'not needed'}; HF_ENDPOINT {without_password(named) if named else 'not set'}, "
        f"{offline or OFFLINE[0]} {'on' if offline else 'off'}, token {'there' if has_token else 'none'}"
    )
    if not network:
        warned = needs and offline
        return Check("hub", "warning" if warned else "ok", f"{said}; not asked (--network asks)", f"unset {offline}" if warned else "")
    problem = _asked()
    if not problem:
        return Check("hub", "ok", f"{said}; it answers")
    return Check("hub", "failing" if needs else "warning", f"{said}; no answer ({problem})", "export HF_ENDPOINT=ADDRESS_OF_A_MIRROR")


def _asked() -> str:
    """Why the hub does not answer; empty where it does.  The address never stands in it."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from huggingface_hub import constants

    try:
        with urlopen(Request(f"{constants.ENDPOINT}/api/models?limit=1"), timeout=10):
            return ""
    except HTTPError as error:
        return f"status {error.code}"
    except (OSError, ValueError) as error:
        return type(getattr(error, "reason", error)).__name__


def uses_hub(study: Study | PublishedStudy) -> bool:
    """Whether models, tokenizers, texts or items come from the hub."""
    if isinstance(study, PublishedStudy):
        return False
    entries = [*study.models.values(), *study.tokenizers.values(), *study.sources.values()]
    kinds = HubModel | TokenizerHub | HubSource
    return study.items.kind == "hub" or any(isinstance(entry, kinds) or (isinstance(entry, GgufModel) and entry.id) for entry in entries)
