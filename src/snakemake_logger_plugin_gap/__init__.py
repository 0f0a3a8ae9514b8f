"""``snakemake --logger gap``: how far each stage is, in place of Snakemake's account of every job.

Snakemake finds this package by its name.  What it shows comes from ``gap.runtime.screen``; Snakemake's own log below .snakemake/log
keeps everything.  Dry runs, and runs for which details are asked, look as without it.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

#: Beginnings of those of Snakemake's messages that are shown.
SHOWN = ("Building DAG of jobs", "Nothing to be done", "Creating conda environment")
#: Errors that only say that a job failed; the job's own message comes last (workflow/rules/common.smk).
SILENT = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete successfully.")


class LogHandler(LogHandlerBase):
    """Shows stages on the screen; everything is as in Snakemake's own handler where details are asked for."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False  # Snakemake's own is attached: --quiet all is quiet
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Choose what to show, and where."""
        from snakemake.logging import ColorizingTextHandler

        from gap.runtime.screen import screen
        from gap.runtime.stages import Stages

        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        asked = (settings.dryrun, settings.verbose, settings.printshellcmds, settings.debug_dag)
        self.details = ColorizingTextHandler(nocolor=settings.nocolor, stream=stream) if any(asked) else None
        self.stages = Stages()
        self.screen = screen(self.stages, stream, colour=not settings.nocolor)

    def emit(self, record: logging.LogRecord) -> None:
        """Show what a record changes."""
        try:
            if self.details:
                self.details.setFormatter(self.formatter)
                self.details.emit(record)
            else:
                self._count(record)
        except Exception:
            self.handleError(record)

    def _count(self, record: logging.LogRecord) -> None:
        event, known = getattr(record, "event", None), record.__dict__
        stages = []
        if event == LogEvent.RUN_INFO:
            self.stages.expect(known["stats"])
        elif event == LogEvent.JOB_INFO:
            stages = [self.stages.start(known["jobid"], known["rule_name"])]
        elif event == LogEvent.JOB_FINISHED:
            stages = [self.stages.end(known["job_id"])]
        elif event == LogEvent.JOB_ERROR:
            stages = [self.stages.end(known["jobid"], failed=True)]
        elif event == LogEvent.GROUP_ERROR:
            stages = [self.stages.end(job["jobid"], failed=True) for job in known["job_error_info"]]
        elif "planned" in known:
            self.stages.plan(known["planned"])
        elif is_shown(record):
            self.screen.say(record.getMessage())
        for stage in dict.fromkeys(filter(None, stages)):
            self.screen.show(stage)

    def close(self) -> None:
        """Leave the screen as it is; Snakemake may call it twice."""
        if not self.details and self.stages.jobs:
            self.stages.stop()
            self.screen.close()
            self.stages = type(self.stages)()
        super().close()


def is_shown(record: logging.LogRecord) -> bool:
    """Whether a message is for people: a warning, an error, or what the workflow itself says."""
    text = record.getMessage()
    if record.levelno >= logging.WARNING:
        return not text.startswith(SILENT)
    if getattr(record, "event", None) is not None:
        return False
    return text.startswith(SHOWN) or record.pathname.endswith((".smk", "Snakefile"))


def keep_cache_here() -> None:
    """Have Snakemake and its jobs keep their caches in .gap/cache where none can be written below HOME.

    Snakemake imports its plugins before it makes a folder for the cache, and fails without one.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if os.access(cache, os.W_OK):
            return
    except OSError:
        pass
    os.environ["XDG_CACHE_HOME"] = os.path.abspath(".gap/cache")
    os.environ.setdefault("MPLCONFIGDIR", os.path.abspath(".gap/cache/matplotlib"))  # the jobs' too


keep_cache_here()
