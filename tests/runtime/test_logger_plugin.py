"""The logger plugin: what Snakemake asks of any, and which records it shows, counts or leaves to Snakemake's own log."""

from __future__ import annotations

import logging

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from snakemake_interface_logger_plugins.tests import MockOutputSettings, TestLogHandlerBase

from snakemake_logger_plugin_gap import LogHandler

WORKFLOW = "/project/workflow/rules/common.smk"


class Settings(MockOutputSettings):
    def __init__(self, **values: bool) -> None:
        super().__init__()
        self.printshellcmds = False
        vars(self).update(values)


class TestPlugin(TestLogHandlerBase):
    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> LogHandlerSettingsBase:
        return LogHandlerSettingsBase()


def record(text: str | None, level: int = logging.INFO, path: str = "/snakemake/api.py", **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", level, path, 1, text, (), None)
    vars(made).update(extra)
    return made


def shown(capsys: pytest.CaptureFixture[str], *records: logging.LogRecord, **settings: bool) -> list[str]:
    handler = LogHandler(Settings(**settings), None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for each in records:
        handler.emit(each)
    handler.close()
    handler.close()
    return capsys.readouterr().err.splitlines()


def test_messages_for_people_are_shown_and_chatter_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    for_people = [
        record("Building DAG of jobs..."),
        record("Nothing to be done (all requested files are present and up to date)."),
        record("A killed Snakemake left its locks; they are removed.", path=WORKFLOW),
        record("params.yaml, key 'gap.updates': changes nothing.", logging.WARNING, WORKFLOW),
        record("MissingOutputException: no such file", logging.ERROR, event=LogEvent.ERROR),
        record("gap: params.yaml: unknown key", logging.ERROR, WORKFLOW),
    ]
    chatter = [
        record("Provided cores: 2", event=LogEvent.RESOURCES_INFO),
        record("Select jobs to execute..."),
        record(None, event=LogEvent.PROGRESS, done=1, total=2),
        record("Exiting because a job execution failed. Look above for error messages", logging.ERROR),
        record("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, event=LogEvent.ERROR),
    ]
    assert shown(capsys, *for_people, *chatter) == [each.getMessage() for each in for_people]


def test_jobs_are_counted_and_the_end_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(
        capsys,
        record("Job stats", event=LogEvent.RUN_INFO, stats={"build_model": 2, "evaluate_runs_0": 2, "all": 1, "total": 5}),
        record("planned", path=WORKFLOW, planned={"build_model": 3600.0, "evaluate_runs": 1800.0}),
        record("", event=LogEvent.JOB_INFO, jobid=1, rule_name="build_model"),
        record("", event=LogEvent.JOB_FINISHED, job_id=1),
        record("", event=LogEvent.JOB_INFO, jobid=2, rule_name="build_model"),
        record("", logging.ERROR, event=LogEvent.JOB_ERROR, jobid=2),
        record("", event=LogEvent.JOB_INFO, jobid=3, rule_name="evaluate_runs_0"),
        record("", event=LogEvent.JOB_INFO, jobid=4, rule_name="evaluate_runs_0"),
        record("", logging.ERROR, event=LogEvent.GROUP_ERROR, job_error_info=[{"jobid": 3}, {"jobid": 4}]),
        record("", event=LogEvent.JOB_INFO, jobid=0, rule_name="all"),
        record("", event=LogEvent.JOB_FINISHED, job_id=0),
    )
    assert [line.split()[:3] for line in lines] == [
        ["build_model", "0/2", "started,"],
        ["build_model", "1/2", "0:00:00,"],
        ["evaluate_runs", "0/2", "started,"],
        ["evaluate_runs", "0/2", "0:00:00,"],
        ["all", "jobs", "1/4"],
    ]
    assert lines[0].endswith(" 3:00:00 left in all") and lines[1].endswith(", 1 failed") and lines[-1].endswith(", 3 failed")


@pytest.mark.parametrize("asked", ["dryrun", "verbose", "printshellcmds", "debug_dag"])
def test_who_asks_for_details_sees_snakemakes_own_screen(capsys: pytest.CaptureFixture[str], asked: str) -> None:
    records = [
        record("Job stats:\njob  count", event=LogEvent.RUN_INFO, stats={"build_model": 2, "total": 2}),
        record("Select jobs to execute..."),
    ]
    assert shown(capsys, *records, **{asked: True}) == ["Job stats:", "job  count", "Select jobs to execute..."]
