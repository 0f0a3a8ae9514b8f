"""What several commands are given: ``--job``, plan.json, a folder or a file in it, ``NAME=FILE``, ``TASK/SPLIT=FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gap.core.settings import Settings
    from gap.params.describe import DescribeJob
    from gap.params.evaluate import EvaluateJob
    from gap.params.posttrain import PosttrainJob

Kind = TypeVar("Kind", bound="Settings")
#: Jobs that reuse what an earlier one finished.
Job = TypeVar("Job", "DescribeJob", "EvaluateJob", "PosttrainJob")


def read_job(text: str, kind: type[Kind]) -> Kind:
    """The job behind ``--job``: JSON, or ``@`` and the path of a JSON file.

    Raises
    ------
    BadInput: no readable file, not JSON, or not a job of this kind.
    """
    from pydantic import ValidationError

    from gap.core.errors import BadInput

    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found = str(error.strerror or error).lower().removesuffix(" or directory") if isinstance(error, OSError) else "not UTF-8"
            raise BadInput(f"--job {text[:200]}", found, "JSON, or @ and the path of a JSON file", "Correct the path.") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        allowed = f"the JSON of a {kind.__name__} ({kind.__module__})"
        raise BadInput(f"--job, {where}", first["msg"], allowed, "Let the workflow write it.") from error


def read_plan(path: Path, cure: str = "") -> dict[str, Any]:
    """The content of plan.json.

    Raises
    ------
    BadInput: there is none, or it is not the plan of a study; with ``cure``, else what helps with any file of ours.
    """
    from gap.core.files import read_object

    return read_object(path, cure, {"study": dict, "light": dict})


def with_code(job: Job, unit: str) -> Job:
    """The job with the version of the code that does it, the modules of its method included; a job from the workflow has it.

    Parameters
    ----------
    unit: the module that does the job (``gap.plan.code``).
    """
    if job.code:
        return job
    from gap.plan.code import code_versions

    method = getattr(job, "settings", None)
    return job.model_copy(update={"code": code_versions(unit, *(method.modules if method else ()))})


def folder_of(path: Path) -> Path:
    """The folder that is named, or that holds the file that is named."""
    return path.parent if path.is_file() else path


def named_files(option: str, entries: list[str]) -> dict[str, Path]:
    """``NAME=FILE`` entries as a mapping.

    Raises
    ------
    BadInput: an entry of another form, or a name given twice.
    """
    from gap.core.errors import BadInput

    found: dict[str, Path] = {}
    for entry in entries:
        name, equals, path = entry.partition("=")
        if not (name and equals and path) or name in found:
            raise BadInput(f"{option} {entry}", "not a pair to be read", "NAME=FILE, each name once", "Correct it.")
        found[name] = Path(path)
    return found


def item_files(entries: list[str], option: str = "--items") -> dict[str, dict[str, Path]]:
    """task -> split -> file from ``TASK/SPLIT=FILE`` entries; the split is ``validation`` where none is named.

    Raises
    ------
    BadInput: an entry of another form, an unknown task, or a pair named twice.
    """
    from gap.core.errors import BadInput
    from gap.tasks.registry import known_task

    found: dict[str, dict[str, Path]] = {}
    for name, path in named_files(option, entries).items():
        task, _, split = name.partition("/")
        known_task(task)
        split = split or "validation"
        if split in found.get(task, {}):
            raise BadInput(f"{option} {name}={path}", "a second file for this task and split", "one file for each", "Leave one out.")
        found.setdefault(task, {})[split] = path
    return found
