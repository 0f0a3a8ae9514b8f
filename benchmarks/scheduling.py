"""What Snakemake costs beside the jobs: building the graph of a study, and starting one job after the other.

    python benchmarks/scheduling.py                         # study paper, then ten models with 1,000 texts of each corpus
    python benchmarks/scheduling.py --seconds 1.5 --json FILE

The graph is a dry run of the committed workflow in a temporary copy.  For the second question jobs sleep instead of working: an executor
of Snakemake that is written into that copy sleeps, then writes each output as an empty file (a provenance record with the size of a model).
Nothing in the workflow knows of it.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
EXECUTOR = """\
import threading, time
from pathlib import Path
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor, SubmittedJobInfo
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=False, implies_no_shared_fs=False, job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False, auto_deploy_default_storage_provider=False,
)

class Executor(AbstractExecutor):
    def run_job(self, job):
        info = SubmittedJobInfo(job=job)
        self.report_job_submission(info)
        threading.Thread(target=self.sleep, args=(info,)).start()

    def sleep(self, info):
        time.sleep(SECONDS)
        for path in map(Path, map(str, [*info.job.output, info.job.benchmark])):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"parameters": 125000000}' if path.name == "provenance.json" else "")
        self.report_job_success(info)

    cores = property(lambda self: self.workflow.resource_settings.cores)
    def get_exec_mode(self): raise NotImplementedError
    def cancel(self): pass
    def shutdown(self): pass
    def handle_job_success(self, job): pass
    def handle_job_error(self, job): pass
"""


def project(folder: Path) -> dict:
    """What is committed in a folder; the tree of params.yaml."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return yaml.safe_load((folder / "params.yaml").read_text())


def ran(folder: Path, *flags: str) -> tuple[float, float, str]:
    """Wall and processor seconds of a Snakemake in the folder, and what it said."""
    environment = os.environ | {"PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder / 'plugin'}"}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [str(Path(sys.executable).with_name("snakemake")), "--quiet", "rules", *flags]
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout[-3000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def jobs_in(said: str) -> int:
    """The jobs that Snakemake counts."""
    return int(re.search(r"^total +(\d+)$", said, re.MULTILINE)[1])


def graph(folder: Path, study: str) -> dict[str, float]:
    """A dry run of a study."""
    wall, core, said = ran(folder, "--dry-run", "--config", f"study={study}")
    return {"jobs": jobs_in(said), "seconds": round(wall, 1), "core_seconds": round(core, 1)}


def large(params: dict, models: int, texts: int) -> dict:
    """Study paper with so many models of 350M, and texts of each corpus."""
    study = copy.deepcopy(params["studies"]["paper"])
    model = study["models"]["opt-350m"]
    study["models"] = {f"opt-{number}": model | {"label": f"number {number}"} for number in range(models)}
    study["gap"]["texts"] = texts
    return study


def scheduled(folder: Path, seconds: float) -> dict[str, float]:
    """Study paper with jobs that sleep, one at a time."""
    package = folder / "plugin/snakemake_executor_plugin_sleep"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(EXECUTOR.replace("SECONDS", str(seconds)))
    wall, core, said = ran(folder, "--executor", "sleep", "--jobs", "1", "--cores", "1", "--config", "study=paper")
    jobs = jobs_in(said)
    return {"jobs": jobs, "sleep": seconds, "seconds": round(wall, 1), "core_seconds": round(core, 1),
            "beside_the_jobs": round((wall - jobs * seconds) / jobs, 3)}  # fmt: skip


def main() -> int:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="that a job sleeps")
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = project(folder)
        params["studies"]["large"] = large(params, arguments.models, arguments.texts)
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        found = {"paper": graph(folder, "paper"), "large": graph(folder, "large"), "scheduling": scheduled(folder, arguments.seconds)}
    for what, numbers in found.items():
        print(what, *(f"{key} {value}" for key, value in numbers.items()), sep="  ")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
