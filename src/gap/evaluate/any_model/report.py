"""The results of a model on the tasks, as lines for a screen and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap.core.errors import GapError
from gap.evaluate.any_model.opened import hub_source
from gap.evaluate.any_model.scores import LEVEL, METRICS, TaskScore, averages
from gap.params.evaluate import Evaluate, ScoredTask, Scorer
from gap.tasks.registry import known_task

NONE = "-"
#: Layouts that need more than their name.
LAYOUTS = {"tree": "tree (each context once, all its continuations behind it)"}
#: A task, and the problem that kept it from a score.
Unscored = tuple[ScoredTask, GapError]


@dataclass(frozen=True)
class Report:
    """What was scored, and how.

    Parameters
    ----------
    name, folder, identity: of the model; the identity is the digest of its configuration, weights and tokenizer.
    source: where the items come from, in the words of ``--from``.
    device: cpu or cuda.
    tables: the folder of the tables.
    scores, unscored: tasks with a result, and those without, in the order asked for.
    """

    name: str
    folder: Path
    identity: str
    settings: Evaluate
    scorer: Scorer
    source: str
    device: str
    tables: Path
    scores: Sequence[TaskScore] = ()
    unscored: Sequence[Unscored] = ()

    @property
    def opening(self) -> str | None:
        """The token in front of every sequence; None where no model was loaded for any of the tables."""
        return next((opening for score in self.scores if (opening := score.passes.get("opening"))), None)

    @property
    def averages(self) -> dict[str, float | None]:
        """Group -> mean over its tasks."""
        return averages(self.scores, [scored for scored, _ in self.unscored])


def as_json(report: Report) -> dict[str, Any]:
    """Everything as one object; scores, intervals and chance are fractions, null where there is no number."""
    tasks = [
        {
            "task": score.task, "split": score.split, "group": score.group, "metric": score.metric, "items": score.items,
            "score": score.score, "interval": [_number(bound) for bound in score.interval], "chance": score.chance,
            "seconds": score.seconds, "passes": score.passes, "table": str(score.table),
        }
        for score in report.scores
    ]  # fmt: skip
    return {
        "model": {"name": report.name, "identity": report.identity, "folder": str(report.folder), "hub": hub_source(report.folder) or None},
        "settings": report.settings.identity() | {
            "items": report.settings.items, "scorer": report.scorer, "from": report.source, "device": report.device,
        },
        "opening": report.opening,
        "level": LEVEL,
        "tasks": tasks,
        "averages": report.averages,
        "unscored": [{"task": scored.task, "split": scored.split, "problem": str(error)} for scored, error in report.unscored],
        "tables": str(report.tables),
    }  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def problems(report: Report) -> list[GapError]:
    """What kept tasks from a score, each problem once, with the names of its tasks."""
    named: dict[str, tuple[GapError, list[str]]] = {}
    for scored, error in report.unscored:
        named.setdefault(str(error), (error, []))[1].append(scored.task)
    return [
        type(error)(f"not scored: {', '.join(tasks)}; {error.where}", error.found, error.allowed, error.cure)
        for error, tasks in named.values()
    ]


def lines(report: Report) -> list[str]:
    """A table of the tasks and their averages, with what produced it."""
    settings = report.settings
    hub = hub_source(report.folder)
    version = f"{hub['id']} at commit {hub['commit']}" if hub else f"{report.folder}, digest {report.identity}"
    opening = f"; every text opens with {report.opening}" if report.opening else ""
    kept = ["kept     scored by an earlier call with the same settings"] if any(score.seconds is None for score in report.scores) else []
    return [
        f"model    {version}{opening}",
        f"items    the first {settings.items} of each task, from {report.source.replace('folder:mirror:', '$GAP_MIRROR/')}",
        f"settings {settings.precision} on {report.device}, max_length {settings.max_length}, max_new_tokens {settings.max_new_tokens}, "
        f"batch_tokens {settings.batch_tokens}, scorer {report.scorer}",
        "",
        *_table(report),
        "",
        *_pass_lines(report.scores),
        *kept,
        f"tables   {report.tables}",
    ]


HEADER = ("task", "split", "items", "metric", "score %", f"{LEVEL:.0%} interval", "chance %", "seconds")
#: Columns of texts, to the left; the others hold numbers.
TEXTS = (0, 1, 3)


def _table(report: Report) -> list[str]:
    """The tasks, and under a line the averages."""
    tasks = [HEADER, *map(_row, report.scores), *map(_unscored_row, report.unscored)]
    rows = [*tasks, *(_average_row(report, group, value) for group, value in report.averages.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place in TEXTS else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    return [line.rstrip() for line in (lines[0], rule, *lines[1 : len(tasks)], rule, *lines[len(tasks) :])]


def _row(score: TaskScore) -> tuple[str, ...]:
    interval = NONE if math.isnan(score.interval.low) else f"{_percent(score.interval.low)} to {_percent(score.interval.high)}"
    seconds = "kept" if score.seconds is None else f"{score.seconds:.1f}"
    return (score.task, score.split, str(score.items), score.metric, _percent(score.score), interval, _percent(score.chance), seconds)


def _unscored_row(unscored: Unscored) -> tuple[str, ...]:
    scored, _ = unscored
    metric = METRICS[known_task(scored.task).group]
    return (scored.task, scored.split, NONE, metric, "not scored", NONE, NONE, NONE)


def _average_row(report: Report, group: str, average: float | None) -> tuple[str, ...]:
    items = [score.items for score in report.scores if score.group == group]
    value = "not all scored" if average is None else _percent(average)
    return (f"average {group}", f"{len(items)} task" + "s" * (len(items) != 1), str(sum(items)), METRICS[group], value, "", "", "")


def _percent(fraction: float | None) -> str:
    return NONE if fraction is None else f"{100 * fraction:.2f}"


def _pass_lines(scores: Iterable[TaskScore]) -> list[str]:
    """One line per way in which items went through the model, with the tasks that took it."""
    ways: dict[str, list[str]] = {}
    for score in scores:
        ways.setdefault(_way(score.passes), []).append(score.task)
    return [f"passes   {', '.join(tasks)}: {way}" for way, tasks in ways.items()]


def _way(passes: dict[str, Any]) -> str:
    """How items went through the model, and what kept a faster path from it."""
    if "layout" not in passes:
        return "none, an earlier table had all items"
    layout, head, kernel = LAYOUTS.get(passes["layout"], passes["layout"]), passes.get("head"), passes.get("kernel")
    return "; ".join(
        part
        for part in (
            layout,
            f"logits of all tokens ({head})" if head else "logits of the scored tokens alone",
            "" if kernel in (None, "as it is") else f"kernel {kernel}",
            f"continuations {passes['continuations']}" if "continuations" in passes else "",
            f"dropped {passes['dropped']}" if passes.get("dropped") else "",
        )
        if part
    )
