"""Counts and times of stages, by a clock that the test sets."""

from __future__ import annotations

import io
import math
import re

import pytest
from rich.console import Console

from gap.runtime.screen import Bars, Lines, screen
from gap.runtime.stages import Stages, stage_of, times


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stages(clock: Clock) -> Stages:
    """Two quick jobs and four of two rules of one family."""
    counted = Stages(clock)
    counted.expect({"fetch_items": 2, "evaluate_runs_0": 3, "evaluate_runs_1": 1, "all": 1, "total": 7})
    return counted


@pytest.mark.parametrize(
    ("rule", "stage"),
    [
        ("evaluate_base_0", "evaluate_base"),
        ("evaluate_runs_12", "evaluate_runs"),
        ("export_checkpoint_nano_s", "export_checkpoint"),
        ("fetch_items", "fetch_items"),
        ("build_model", "build_model"),
    ],
)
def test_rules_of_a_family_are_one_stage(rule: str, stage: str) -> None:
    assert stage_of(rule) == stage


def test_jobs_are_counted_by_stage_without_the_rule_that_only_asks(stages: Stages) -> None:
    assert {name: stage.jobs for name, stage in stages.by_name.items()} == {"fetch_items": 2, "evaluate_runs": 4}
    assert stages.start(0, "all") is None and stages.end(0) is None
    assert (stages.jobs, stages.done) == (6, 0)


def test_time_left_is_as_planned_at_first_and_unknown_without_a_plan(stages: Stages, clock: Clock) -> None:
    stage = stages.start(1, "evaluate_runs_0")
    assert stage
    clock.now += 10
    assert math.isnan(stage.left()) and times(stage) == "0:00:10"
    stages.plan({"evaluate_runs": 40.0, "fetch_items": 5.0})
    assert stage.left() == 150.0
    assert times(stages) == "0:00:10, 0:02:40 left"


def test_the_pace_so_far_corrects_the_plan(stages: Stages, clock: Clock) -> None:
    stages.plan({"evaluate_runs": 300.0})
    stage = stages.start(1, "evaluate_runs_0")
    assert stage
    clock.now += 600
    assert stage.left() == pytest.approx(900 * (600 + 60) / (300 + 60))
    stages.end(1)
    assert stage.left() == pytest.approx(900 * (600 + 60) / (300 + 60))


def test_without_a_plan_the_mean_of_the_finished_jobs_counts(stages: Stages, clock: Clock) -> None:
    for job, seconds in ((1, 4), (2, 8)):
        stage = stages.start(job, "evaluate_runs_0")
        clock.now += seconds
        stages.end(job)
    assert stage and stage.left() == 12.0
    assert math.isnan(stages.left())  # nothing tells how long fetch_items takes


def test_two_jobs_at_a_time_take_half_the_time(stages: Stages, clock: Clock) -> None:
    for job in (1, 2):
        stage = stages.start(job, "evaluate_runs_0")
    clock.now += 600
    for job in (1, 2):
        stages.end(job)
    assert stage and stage.left() == pytest.approx(1200 * (600 + 60) / (1200 + 60))


def test_a_failed_job_is_counted_until_it_is_tried_again(stages: Stages, clock: Clock) -> None:
    for attempt in range(2):
        stage = stages.start(1, "fetch_items")
        clock.now += 1
        assert stage and not stage.failed
        stages.end(1, failed=True)
        assert times(stage) == f"0:00:0{attempt + 1}, 1 failed"
    stages.start(2, "fetch_items")
    stages.end(2)
    assert stage.over and stage.left() == 0.0 and stages.failed == {1}
    clock.now += 100
    assert stage.elapsed() == 2.0  # its clock stops


def test_lines_are_few(stages: Stages, clock: Clock) -> None:
    stream = io.StringIO()
    lines = Lines(stages, stream, clock)
    stages.plan({"evaluate_runs": 20.0, "fetch_items": 10.0})
    for job in range(4):
        stage = stages.start(job, "evaluate_runs_0")
        assert stage
        lines.show(stage)
        clock.now += 20
        stages.end(job)
        lines.show(stage)
    stage = stages.start(9, "fetch_items")
    assert stage
    lines.show(stage)
    clock.now += 1
    stages.end(9, failed=True)
    lines.show(stage)
    stages.stop()
    lines.close()
    assert [line.split() for line in stream.getvalue().splitlines()] == [
        ["evaluate_runs", "0/4", "started,", "0:01:40", "left", "in", "all"],
        ["evaluate_runs", "2/4", "0:00:40,", "0:00:40", "left"],
        ["evaluate_runs", "4/4", "0:01:20"],
        ["fetch_items", "0/2", "started,", "0:00:20", "left", "in", "all"],
        ["all", "jobs", "4/6", "0:01:21,", "1", "failed"],
    ]


def test_a_terminal_has_a_bar_per_stage_below_that_of_all_jobs(stages: Stages, clock: Clock) -> None:
    stream = io.StringIO()
    bars = Bars(stages, Console(file=stream, force_terminal=True, width=100, color_system=None))
    stage = stages.start(1, "fetch_items")
    assert stage
    bars.say("gap: [b]a warning[/b]")
    bars.show(stage)
    clock.now += 61
    stages.end(1)
    bars.show(stage)
    bars.close()
    text = re.sub(r"\x1b\[[0-9?]*[A-Za-z]|\r", "", stream.getvalue())
    assert "gap: [b]a warning[/b]\n" in text
    total, stage_row = text[text.rindex("all jobs ") :].rstrip().split("\n")
    assert total.rstrip().endswith(" 1/6 0:01:01")
    assert stage_row.startswith("fetch_items ") and stage_row.endswith(" 1/2 0:01:01, 0:01:01 left")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(screen(stages, Terminal()), Lines)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(screen(stages, Terminal()), Bars)
    monkeypatch.setenv("FORCE_COLOR", "1")  # which asks for colour, also in a file
    assert isinstance(screen(stages, io.StringIO()), Lines)
