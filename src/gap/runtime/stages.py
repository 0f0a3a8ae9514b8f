"""Jobs done and time left of every stage of a run, counted from Snakemake's events."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

#: What tells the rules of a family apart: one per group of tasks, or per model.
FAMILY = re.compile(r"(?<=^evaluate_base)_\d+$|(?<=^evaluate_runs)_\d+$|(?<=^export_checkpoint)_\w+$")
#: The rule that only asks for the results.
TARGET = "all"
#: Seconds of work on which the plan counts as much as the pace.
TRUST = 60.0


def stage_of(rule: str) -> str:
    """The stage of a rule: the name that the rules of its family share."""
    return FAMILY.sub("", rule)


class Stage:
    """The jobs of a stage: how many there are, which are running or failed, and how many are done.

    ``planned`` is what ``gap plan`` expects of one job in seconds, NaN where it says nothing; then the mean of the finished ones counts.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name, self.clock = name, clock
        self.jobs, self.planned = 0, math.nan
        self.running: dict[int, float] = {}
        self.failed: set[int] = set()
        self.done, self.taken = 0, 0.0
        self.first = self.last = math.nan
        self.stopped = False

    def start(self, job: int) -> None:
        """Note that a job has started, for the first time or again."""
        self.last = self.running[job] = self.clock()
        self.failed.discard(job)
        if math.isnan(self.first):
            self.first = self.last

    def end(self, job: int, *, failed: bool = False) -> None:
        """Note that a job has ended."""
        started, self.last = self.running.pop(job, math.nan), self.clock()
        if failed:
            self.failed.add(job)
        else:
            self.done += 1
            self.taken += self.last - started if started == started else 0.0

    @property
    def over(self) -> bool:
        """Whether no more job of it will end: each is done or has failed, or the run is over."""
        return self.stopped or self.done + len(self.failed) >= self.jobs

    def elapsed(self) -> float:
        """Seconds since the first job started, until the last one ended; 0 before."""
        if math.isnan(self.first):
            return 0.0
        return (self.last if self.over else self.clock()) - self.first

    def work(self) -> tuple[float, float]:
        """Seconds of work done and to do, as planned; the second is NaN where nothing tells how long a job takes."""
        each = self.planned if self.planned == self.planned else self.taken / self.done if self.done else math.nan
        left = 0 if self.over else self.jobs - self.done - len(self.failed)
        if not left:
            return self.taken if each != each else self.done * each, 0.0
        begun = sum(min(self.clock() - started, each) for started in tuple(self.running.values()))
        return self.done * each + begun, left * each - begun

    def left(self) -> float:
        """Seconds until the stage is over, at the pace so far; NaN where nobody knows."""
        return at_pace(*self.work(), self.elapsed())


def at_pace(done: float, to_do: float, elapsed: float) -> float:
    """Seconds that the work to do takes at the pace so far; at first, when little is done, as planned."""
    return to_do * (elapsed + TRUST) / (done + TRUST)


class Stages:
    """The stages of a run in the order of the data."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.started = clock, clock()
        self.by_name: dict[str, Stage] = {}
        self.of_job: dict[int, Stage] = {}

    def expect(self, counts: Mapping[str, int]) -> None:
        """Rule -> number of jobs, as Snakemake counts them."""
        self.started = self.clock()
        for rule, count in counts.items():
            if rule not in (TARGET, "total"):
                self._stage(rule).jobs += count

    def plan(self, seconds: Mapping[str, float]) -> None:
        """Stage -> seconds that a job should take."""
        for name, each in seconds.items():
            self._stage(name).planned = each

    def start(self, job: int, rule: str) -> Stage | None:
        """Note that a job has started; its stage, None of the rule that only asks for the results."""
        if rule == TARGET:
            return None
        stage = self.of_job[job] = self._stage(rule)
        stage.start(job)
        return stage

    def end(self, job: int, *, failed: bool = False) -> Stage | None:
        """Note that a job has ended; its stage, None of a job that is not counted."""
        if stage := self.of_job.get(job):
            stage.end(job, failed=failed)
        return stage

    def stop(self) -> None:
        """Note that the run is over: nothing is left, whatever was not done."""
        for stage in self.by_name.values():
            stage.stopped = True

    def _stage(self, rule: str) -> Stage:
        name = stage_of(rule)
        return self.by_name.setdefault(name, Stage(name, self.clock))

    @property
    def jobs(self) -> int:
        """Jobs of all stages."""
        return sum(stage.jobs for stage in tuple(self.by_name.values()))

    @property
    def done(self) -> int:
        """Jobs done."""
        return sum(stage.done for stage in tuple(self.by_name.values()))

    @property
    def failed(self) -> set[int]:
        """Jobs that failed."""
        return {job for stage in tuple(self.by_name.values()) for job in stage.failed}

    def elapsed(self) -> float:
        """Seconds since the jobs were counted."""
        return self.clock() - self.started

    def left(self) -> float:
        """Seconds until all is over, at the pace so far; NaN where nobody knows."""
        works = [stage.work() for stage in tuple(self.by_name.values())]
        return at_pace(sum(done for done, _ in works), sum(to_do for _, to_do in works), self.elapsed())


def times(counted: Stage | Stages) -> str:
    """Elapsed and remaining time, and how many jobs failed."""
    left = counted.left()
    parts = [clock_text(counted.elapsed())]
    if left:
        parts.append(f"{clock_text(left)} left" if left == left else "")
    if counted.failed:
        parts.append(f"{len(counted.failed)} failed")
    return ", ".join(filter(None, parts))


def clock_text(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))
