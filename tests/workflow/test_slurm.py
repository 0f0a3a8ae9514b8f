"""A cluster through Snakemake's executor for Slurm: the profile, and a real Slurm of one node where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import slurm_cluster
import yaml

from gap.runtime.stages import stage_of

from .conftest import ROOT, Workspace, assert_same_bits
from .test_interruption import FINISHED, MANY, environment, units

pytestmark = pytest.mark.workflow
#: A one-node Slurm has no accounting, which `sacct` would read, and its jobs are short.
FLAGS = ("--workflow-profile", "profiles/slurm", "--slurm-no-account", "--slurm-status-command", "squeue")
FLAGS += ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5")


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())


def test_the_profile_keeps_what_the_default_one_says() -> None:
    default, slurm = profile("default"), profile("slurm")
    assert default.pop("resources") == ["gpu=1"], "one GPU is a limit of one machine"
    assert {key: slurm.get(key) for key in default} == default


def gpu_stages() -> set[str]:
    """The stages whose rules ask for a GPU, read off the rules."""
    rules = [
        block for path in (ROOT / "workflow/rules").glob("*.smk") for block in re.split(r"^ *(?=rule\b)", path.read_text(), flags=re.M)
    ]
    asking = [block for block in rules if re.search(r"\*\*model_job\(|gpu=GPU,", block) and block.startswith("rule")]
    return {re.search(r"\w+?(?=:|_\{)", re.sub(r"^rule(:\s*name:)?", "", block))[0] for block in asking}


def test_the_rules_that_ask_for_a_gpu_are_those_of_the_partition_with_gpus(tiny: Workspace) -> None:
    listed = tiny.run("snakemake", "--list-rules", "--config", "study=paper").split()
    asking = {rule for rule in listed if stage_of(rule) in gpu_stages()}
    assert {stage_of(rule) for rule in asking} == gpu_stages() and len(asking) >= 17
    assert profile("slurm")["set-resources"] == {rule: {"slurm_partition": "CHANGE-ME-gpu"} for rule in asking}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm_cluster.Cluster]:
    if reason := slurm_cluster.unavailable():
        pytest.skip(f"no Slurm: {reason}")
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="not installed: pip install --constraint constraints.txt '.[slurm]'")
    with slurm_cluster.cluster(tmp_path_factory.mktemp("slurm") / "cluster") as started:
        yield started


def edited(workspace: Workspace, to: Path) -> Workspace:
    """A copy without results, whose profile names the cluster's partitions and no account, as its user would edit it."""
    copy = workspace.copy_sources(to)
    path = copy.folder / "profiles/slurm/config.yaml"
    path.write_text(path.read_text().replace('  slurm_account: "CHANGE-ME"\n', "").replace("CHANGE-ME-", ""))
    return copy


def jobs_of(cluster: slurm_cluster.Cluster, workspace: Workspace) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if job["WorkDir"] == str(workspace.folder)]


def rule_of(job: dict[str, str]) -> str:
    return re.search(r"/rule_(\w+)/", job["StdOut"])[1]


@pytest.mark.nightly
def test_a_study_run_by_slurm_has_the_bits_of_one_run_here(cluster: slurm_cluster.Cluster, finished: Workspace, tmp_path: Path) -> None:
    workspace = edited(finished, tmp_path / "project")
    workspace.run("snakemake", *FLAGS)
    assert_same_bits(finished, workspace)
    jobs = jobs_of(cluster, workspace)
    assert {job["JobState"] for job in jobs} == {"COMPLETED"} and len(jobs) == 19
    in_profile = profile("slurm")["set-resources"]
    for job in jobs:
        assert job["Partition"] == ("gpu" if rule_of(job) in in_profile else "cpu"), rule_of(job)
        assert "gres" not in job.get("TresPerJob", ""), "no job asks for a GPU where jobs.device is cpu"


@pytest.mark.nightly
def test_a_job_that_needs_a_gpu_asks_slurm_for_one(cluster: slurm_cluster.Cluster, finished: Workspace, tmp_path: Path) -> None:
    workspace = edited(finished, tmp_path / "project")
    workspace.edit(studies__tiny__jobs={"device": "cuda"})
    workspace.run("snakemake", *FLAGS, "--until", "build_model", code=None)  # succeeds where torch sees a GPU behind the null device
    (job,) = [job for job in jobs_of(cluster, workspace) if rule_of(job) == "build_model"]
    assert (job["TresPerJob"], job["Partition"], job["NumCPUs"]) == ("gres:gpu:1", "gpu", "1")
    assert job["JobState"] in ("COMPLETED", "FAILED"), "it was given the node's GPU, and began"


@pytest.mark.nightly
def test_a_job_killed_for_time_goes_on_where_it_was(cluster: slurm_cluster.Cluster, finished: Workspace, tmp_path: Path) -> None:
    workspace = edited(finished, tmp_path / "project")
    workspace.edit(studies__tiny__gap=MANY | {"precision": "fp32"}, studies__tiny__jobs={"texts_per_job": 8, "device": "cpu"})
    target = (*FLAGS, "--until", "post_train")
    held = workspace.run("snakemake", *target, "--set-resources", "post_train:runtime=1", code=1, **environment(workspace, FINISHED))
    (job,) = [job for job in jobs_of(cluster, workspace) if rule_of(job) == "post_train"]
    assert (job["JobState"], job["TimeLimit"]) == ("TIMEOUT", "00:01:00")
    assert "DUE TO TIME LIMIT" in held.rpartition("post_train failed (")[2], "the screen's last words say why"
    before = units(workspace)
    assert len(before) == FINISHED
    workspace.run("snakemake", *target, **environment(workspace, 2 * MANY["texts"]))
    written = (workspace.folder / "written").read_text().splitlines()
    assert len(written) == len(set(written)) == MANY["texts"], "a finished run was computed again"
    assert before <= set(map(Path, written))
