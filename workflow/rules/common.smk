# The plan of the selected study, and small helpers for the rules.
import atexit
import os
import sys
from pathlib import Path

from snakemake.jobs import Job

import gap
from gap.core.digest import canonical
from gap.core.errors import GapError
from gap.core.secrets import redacted
from gap.params.effect import check_committed, check_given
from gap.params.load import read_params
from gap.params.preregistration_file import check_preregistered
from gap.plan.cost.estimate import planned
from gap.plan.graph import open_graph
from gap.plan.job_memory import (
    CUDA_PROCESS,
    POSTTRAINING,
    PROCESS,
    SCORING,
    building_megabytes,
    job_megabytes,
    shared_megabytes,
    summed_copies,
)
from gap.plan.model_size import model_size
from gap.plan.stages import evaluate, posttrain
from gap.runtime.commands import lacking
from gap.runtime.device import device_kind
from gap.runtime.exit_codes import known_error
from gap.runtime.failures import failure, note_failed
from gap.runtime.running import VARIABLE, announce, check_alone, locks_are_left, release_locks
from gap.runtime.workflow_environment import shell_prefix

PARAMS = Path("params.yaml")


def read_graph(raw):
    """The graph of the selected study; one paragraph instead of a traceback when the parameters are wrong, or change nothing."""
    try:
        file = read_params(PARAMS)
        graph = open_graph(raw)
        if workflow.is_main_process:
            check_given(raw, file, dict(workflow.config_settings.config))
            check_preregistered(raw["studies"])
            for sentence in check_committed({**file, "study": raw["study"]}, PARAMS):
                logger.warning(sentence)
        return graph
    except (GapError, OSError) as error:
        stop(known_error(error))


def stop(reason):
    """End with one paragraph and the exit code of a failed run."""
    logger.error(redacted(f"gap: {reason}"))
    sys.exit(1)


def check_folder():
    """Say in one line that Snakemake cannot work in such a path, or not write into .snakemake, which it does in a dry run too."""
    for place in (str(workflow.basedir), str(Path(gap.__file__).resolve().parents[1])):
        if wrong := sorted(set("{}:") & set(place)):
            why = "Snakemake takes braces for wildcards, and Python cuts PYTHONPATH at colons"
            stop(f"{place} has {' and '.join(wrong)} in its path. {why}: rename the folder.")
    memory = ".snakemake" if os.path.isdir(".snakemake") else "."
    if not os.access(memory, os.W_OK):
        stop(f"{os.path.abspath(memory)} cannot be written, and Snakemake notes its state there: run in a copy of this folder.")


def allow_read_only_files():
    """Have Snakemake not refuse outputs that cannot be written, as DVC's links into its cache: each is replaced by renaming."""

    async def unchecked(job):
        folders = {os.path.dirname(path) or "." for path in job.output if os.path.exists(path)}
        closed = [folder for folder in sorted(folders) if not os.access(folder, os.W_OK)]
        if closed and not workflow.dryrun:
            stop(f"{closed[0]} cannot be written, and {job.rule.name} makes files there: make the folder writable.")

    Job.check_protected_output = unchecked


def check_nobody_else():
    """Refuse to run or unlock beside what outlived an earlier Snakemake: it would lose its outputs.  Locks of a killed one go."""
    looking = ("--dag", "--rulegraph", "--filegraph", "--d3dag", "--lint", "--list", "--summary", "--detailed-summary", "--report")
    dry = workflow.output_settings.dryrun
    if dry and locks_are_left():
        logger.info("A killed Snakemake left its locks, for which Snakemake takes it to be running still. The next run removes them.")
    if dry or any(word.startswith(looking) for word in sys.argv):
        return
    try:
        announce(STUDY.name, "snakemake")
        check_alone(STUDY.name)
        if release_locks():
            logger.info("A killed Snakemake left its locks; they are removed.")
    except (GapError, OSError) as error:
        stop(known_error(error))


def share_memory():
    """Let no more jobs run here at a time than fit into memory, unless --resources says how much they may take.

    A job that asks for more than there is runs alone.
    """
    if workflow.local_exec and not {"mem", "mem_mb", "mem_mib"} & set(workflow.global_resources):
        workflow.register_resource("mem_mb", shared_megabytes())


def check_commands():
    """Say in one line that a flag needs a command that is not there."""
    if line := lacking(map(str, workflow.deployment_settings.deployment_method), sys.argv):
        stop(line)


GRAPH = read_graph(config)
PLAN, DOCUMENT, LIGHT, STAGES = GRAPH.plan, GRAPH.document, GRAPH.light, GRAPH.stages
STUDY = PLAN.study
# A study of the authors' released rows runs no model.
PUBLISHED = hasattr(STUDY, "published")
DATA, RESULTS, FIGURES = str(PLAN.data), str(PLAN.results), str(PLAN.figures)
LOGS, TIMING = f"{RESULTS}/logs", f"{RESULTS}/timing"
# GPUs are reserved only where they are used: on a CPU all cores may work.
DEVICE = "cpu" if PUBLISHED else device_kind(STUDY.jobs.device)
GPU = 1 if DEVICE == "cuda" else 0
# Memory of a process beside the weights.
PROCESS_MB = CUDA_PROCESS if GPU else PROCESS
# A job on a base model that may be large: its processes share the model.
DEVICES = 1 if PUBLISHED else STUDY.jobs.devices
THREADS = 1 if PUBLISHED else STUDY.jobs.threads * DEVICES
ARITHMETIC = "fast" if PUBLISHED else STUDY.jobs.arithmetic
RUNTIME = f"--device {DEVICE} --devices {DEVICES} --arithmetic {ARITHMETIC}"


def model_job(copies, method=None):
    """Resources of a job on the base models among its inputs, with so many copies of their weights on a CPU.

    A method that combines runs (by default the one of the job's wildcards) keeps sums of them on the host beside these.
    """
    kept = POSTTRAINING if GPU else copies
    tokens = 0 if GPU or copies < POSTTRAINING else PLAN.text_tokens

    def mem_mb(wildcards, input):
        name = method or getattr(wildcards, "method", None)
        sums = summed_copies(STUDY.methods[name]) if name else 0
        return job_megabytes([input.model] if isinstance(input.model, str) else input.model, kept + sums, tokens, DEVICES, PROCESS_MB)

    return dict(mem_mb=mem_mb, gpu=GPU * DEVICES)


def ancients(paths):
    """Inputs that must be there, whatever their times: times never decide (docs/architecture.md)."""
    return [ancient(str(path)) for path in paths]


def job_text(job):
    """A job as one line of JSON, for the command line."""
    return canonical(job.model_dump(mode="json"))


def shard(wildcards):
    """The shard of runs that an output's name stands for."""
    return posttrain.shard_of(PLAN, wildcards.model, wildcards.method, wildcards.first)


def score_tables(pairs, name):
    """Patterns of the tables of these tasks."""
    return [update(f"{evaluate.folder(PLAN, *pair)}/{{model}}-{{key}}/{name}.parquet") for pair in pairs]


def score_flags(pairs, paths):
    """The tables of a job as command-line flags."""
    return [f"--out={task}/{split}={path}" for (task, split), path in zip(pairs, paths)]


def log_of(name):
    """The log of a job; its benchmark stands at the same name below timing/."""
    return f"{LOGS}/{name}.log"


def timing_of(name):
    """The benchmark of a job."""
    return f"{TIMING}/{name}.tsv"


# Jobs run the code that planned them; their environments hold libraries alone.
shell.prefix(shell_prefix("python" if workflow.deployment_settings.deployment_method else sys.executable))

# Jobs say that they are at work on this study until they end, also where they outlive Snakemake.
os.environ[VARIABLE] = STUDY.name

if workflow.is_main_process:
    share_memory()
    check_folder()
    allow_read_only_files()
    check_commands()
    check_nobody_else()
    for sentence in GRAPH.unwritable():
        logger.warning(f"Figures: {sentence}")
    changed = GRAPH.changed_code()
    if changed:
        logger.info(
            f"Code that src/gap/plan/code.lock.json does not hold, {changed}. "
            "Its results are keyed by the code itself until gap lock-code records it (docs/extending.md)."
        )


def say_planned():
    """Tell `--logger gap` what a job of each stage should take, from which it says how much time is left."""
    if "gap" in workflow.output_settings.log_handler_settings:
        seconds = {row.stage: row.hours * 3600 / row.jobs for row in planned(GRAPH)}
        logger.info("Planned seconds of a job: {}".format(seconds), extra={"planned": seconds})


# plan.json, from which light outputs are made; not while a dry run reads this file, which changes nothing.
onstart:
    try:
        GRAPH.save()
        note_failed(Path(LOGS))
        say_planned()
    except (GapError, OSError) as error:
        stop(known_error(error))


def say_failures(jobs):
    """What each failed job says in its log, below everything that Snakemake says."""
    for job in sorted(jobs, key=lambda job: job.jobid):
        print(f"\n{failure(job.rule.name, job.log, job.wildcards)}", file=sys.stderr)


onerror:
    failed = [each for job in workflow.scheduler.failed for each in getattr(job, "jobs", [job])]
    note_failed(Path(LOGS), [job.rule.name for job in failed])
    atexit.register(say_failures, failed)


wildcard_constraints:
    taskkey="[0-9a-f]{12}",
    key="[0-9a-f]{12}",
    number="[0-9]+",
    hash="[0-9a-f]{8}",
    first="[0-9]+",
    last="[0-9]+",
    task="[^/]+",
    split="validation|test",
    name="[A-Za-z0-9._-]+",
    model="[A-Za-z0-9._-]+",
    method="[A-Za-z0-9._-]+",
    corpus="[A-Za-z0-9._-]+",
