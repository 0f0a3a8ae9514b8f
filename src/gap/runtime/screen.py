"""What a run shows of its stages: a bar each on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from gap.runtime.stages import Stage, Stages, clock_text, times

#: Seconds between two lines on stages that are at work.
EVERY = 30.0
#: Name of the line about all stages.
ALL = "all jobs"


class Lines:
    """Plain lines: where a stage starts and ends, and between them one of any stage every ``EVERY`` seconds."""

    def __init__(self, stages: Stages, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stages, self.stream, self.clock = stages, stream, clock
        self.said = -EVERY
        self.seen: set[str] = set()

    def say(self, text: str) -> None:
        """Print a message."""
        print(text, file=self.stream, flush=True)

    def show(self, stage: Stage) -> None:
        """Say how a stage stands after one of its jobs has started or ended."""
        first = stage.name not in self.seen
        if first or stage.over or self.clock() - self.said >= EVERY:
            self.said = self.clock()
            self.say(f"{stage.name:<18} {stage.done:>4}/{stage.jobs:<4} {self._begun() if first else times(stage)}")
        self.seen.add(stage.name)

    def _begun(self) -> str:
        left = self.stages.left()
        return f"started, {clock_text(left)} left in all" if left == left else "started"

    def close(self) -> None:
        """Say how the run ended."""
        if self.stages.jobs:
            self.say(f"{ALL:<18} {self.stages.done:>4}/{self.stages.jobs:<4} {times(self.stages)}")


class Times(ProgressColumn):
    """Elapsed and remaining time of what a bar counts."""

    def render(self, task: Task) -> Text:
        """The times of the bar's stage."""
        return Text(times(task.fields["counted"]), style="red" if task.fields["counted"].failed else "")


class Bars:
    """A bar for all jobs and one for each stage that has started."""

    def __init__(self, stages: Stages, console: Console) -> None:
        self.stages = stages
        self.progress = Progress(
            TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), Times(), console=console, refresh_per_second=2
        )
        self.tasks: dict[str, TaskID] = {}

    def say(self, text: str) -> None:
        """Print a message above the bars."""
        self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def show(self, stage: Stage) -> None:
        """Move the bars after a job of a stage has started or ended."""
        self.progress.start()
        for name, counted in ((ALL, self.stages), (stage.name, stage)):
            if name not in self.tasks:
                self.tasks[name] = self.progress.add_task(name, total=counted.jobs, counted=counted)
            self.progress.update(self.tasks[name], total=counted.jobs, completed=counted.done)

    def close(self) -> None:
        """Leave the bars as they are."""
        self.progress.stop()


def screen(stages: Stages, stream: TextIO, *, colour: bool = True) -> Bars | Lines:
    """Bars where the stream is a terminal, else lines."""
    console = Console(file=stream, no_color=not colour or None)
    return Bars(stages, console) if stream.isatty() and not console.is_dumb_terminal else Lines(stages, stream)
