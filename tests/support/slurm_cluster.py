"""A real Slurm of one node in a folder of its own: Debian's slurm-wlm and munge, with nothing written below /etc.

Jobs lose SLURM_CONF (the executor plugin removes what sbatch exports), so Slurm's commands find the configuration where a node without
one keeps its copy, in /run/slurm.  The node has the machine's CPUs and one GPU that is a name (the null device), so that `sbatch --gpus` is scheduled as on a real one.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Debian's place for daemons is not on every user's PATH.
DAEMONS_PATH = f"{os.environ['PATH']}:/usr/sbin"
#: Where Slurm looks for a configuration after /etc, and where one of an installed Slurm would be.
CONFIGURED, INSTALLED = Path("/run/slurm"), Path("/etc/slurm/slurm.conf")
COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
#: A job killed for time gets so many seconds between SIGTERM and SIGKILL.
KILL_WAIT = 20

CONFIGURATION = """\
ClusterName=gap
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait={kill_wait}
MinJobAge=3600
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""


def unavailable() -> str:
    """Why there can be no cluster here; empty where there can."""
    if missing := [command for command in COMMANDS if not shutil.which(command, path=DAEMONS_PATH)]:
        return f"{', '.join(missing)} not there (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "slurmd starts as root alone"
    return "this machine belongs to a Slurm already" if INSTALLED.exists() or CONFIGURED.exists() else ""


@dataclass(frozen=True)
class Cluster:
    """A running cluster, with the files of its daemons in ``folder``."""

    folder: Path

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands says.

        Raises
        ------
        subprocess.CalledProcessError: it failed.
        """
        return subprocess.run(command, text=True, capture_output=True, check=True, timeout=60).stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs so far, as `scontrol show job` has them: field -> value."""
        listed = self.ask("scontrol", "--oneliner", "show", "job")
        return [
            dict(word.split("=", 1) for word in line.split() if "=" in word) for line in listed.splitlines() if line.startswith("JobId=")
        ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _memory() -> int:
    """MiB of this machine, less a little: Slurm refuses a node that has less than its configuration says."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 100


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start the three daemons in ``folder``, and end them and every job at the end.

    Raises
    ------
    RuntimeError: the node was not idle within a minute; the daemons' logs are in ``folder``.
    """
    folder.mkdir(parents=True, mode=0o755)
    host = socket.gethostname().split(".")[0]
    controller, daemon = _free_ports(2)
    settings = {"host": host, "controller": controller, "daemon": daemon, "folder": folder, "kill_wait": KILL_WAIT}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(cpus=os.cpu_count(), memory=_memory(), **settings))
    (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File=/dev/null\n")
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(1024))
    started = Cluster(folder)
    environment = os.environ | {"PATH": DAEMONS_PATH}
    munge = [
        *("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", f"--key-file={key}"),
        *(f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed"),
    ]
    configuration = str(folder / "slurm.conf")
    daemons = [munge, ["slurmctld", "-D", "-f", configuration], ["slurmd", "-D", "-f", configuration, "-N", host]]
    running = []
    CONFIGURED.mkdir()
    try:
        (CONFIGURED / "conf").symlink_to(folder)
        with (folder / "daemons.log").open("w") as log:
            for command in daemons:
                running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True))
        _await_idle(started)
        yield started
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            started.ask("scancel", "--signal=KILL", "--user=root")
        for process in reversed(running):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
            process.kill()
        shutil.rmtree(CONFIGURED)


def _await_idle(started: Cluster) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.SubprocessError):
            if "idle" in started.ask("sinfo", "--noheader", "--format=%T"):
                return
        time.sleep(0.2)
    raise RuntimeError(f"the node was not idle in time: see {started.folder}/*.log")
