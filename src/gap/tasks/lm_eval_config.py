"""lm-eval's description of one of its tasks, read from its YAML files alone: importing lm-eval takes seconds."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from gap.core.errors import BadInput, refusing
from gap.core.locations import existing
from gap.tasks.task import LABEL, SPLITS, TEXT, TEXTS, Choices, LmEvalSource, Row, Task

PREFIX = "lm_eval:"
#: Output types of lm-eval that are scored here.  Answers that are generated go through each task's own filters and metrics.
SCORED = ("multiple_choice", "loglikelihood")
#: Values of ``dataset_path`` with which ``datasets`` reads plain files.
FORMATS = ("json", "csv", "parquet", "text")
#: Columns of the fetched documents.
FIELDS = {"context": TEXT, "continuations": TEXTS, "gold": LABEL}


@dataclass(frozen=True)
class LmEvalConfig:
    """A task's YAML with what it includes merged.

    path: its YAML; settings: the merged mapping; files: the YAMLs, the modules of their functions, and data files on this machine,
    by a name that does not depend on where lm-eval is installed.
    """

    path: Path
    settings: dict[str, Any]
    files: dict[str, Path]


def lm_eval_version() -> str:
    """Version of the installed lm-eval."""
    return version("lm_eval")


def lm_eval_task(name: str) -> Task:
    """The task that params.yaml calls ``lm_eval:<name>``.

    Raises
    ------
    BadInput: lm-eval has no such task, or its kind is not scored here.
    """
    source = LmEvalSource(name)
    settings = read_config(source).settings
    choices, output_type = settings.get("doc_to_choice"), settings["output_type"]
    return Task(
        name=f"{PREFIX}{name}",
        label=name,
        fields=FIELDS,
        columns=tuple(FIELDS),
        chance=1 / len(choices) if isinstance(choices, list) and output_type == "multiple_choice" else 0.0,
        output_type=output_type,
        splits=tuple(split for split in SPLITS if settings.get(f"{split}_split")),
        lm_eval_source=source,
        wording=document,
    )


def document(row: Row) -> Choices:
    """A fetched document as it is: what lm-eval would ask for."""
    return row["context"], tuple(row["continuations"]), int(row["gold"])


@cache
def read_config(source: LmEvalSource) -> LmEvalConfig:
    """The description of a task.

    Raises
    ------
    BadInput: there is no such task, it is not a multiple-choice or loglikelihood task described by YAML alone, or a file is missing or
        not of its kind.
    Unavailable: the included folder lies in a mirror and none is configured.
    """
    root = existing(source.include) if source.include else Path(_package()) / "tasks"
    path = _find(root, source)
    files: dict[str, Path] = {}
    with refusing(
        f"lm-eval's task {source.name}, {path}", "a YAML that cannot be read", "keys and values as lm-eval takes them", "Correct it."
    ):
        settings = _merged(path, root, files)
        data_files = _data_files(settings, path)
    output_type = settings.get("output_type", "generate_until")
    if "class" in settings or output_type not in SCORED:
        kind = "a task written in Python" if "class" in settings else f"output_type {output_type!r}"
        cure = "Name another task, or write one whose wording and stop text you choose (docs/extending.md)."
        raise BadInput(f"lm-eval's task {source.name}", kind, f"output_type {' or '.join(SCORED)}", cure)
    return LmEvalConfig(path, settings, files | data_files)


def _package() -> str:
    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput("lm-eval", "not installed", "the version in constraints.txt", "Install the project's dependencies.")
    return spec.submodule_search_locations[0]


def _find(root: Path, source: LmEvalSource) -> Path:
    """The YAML below ``root`` that describes the task; most are named after it."""
    pattern = re.compile(rf"^task: *[\"']?{re.escape(source.name)}[\"']? *( #.*)?$", re.MULTILINE)
    for path in sorted(root.rglob("*.yaml"), key=lambda path: (path.stem != source.name, path)):
        if pattern.search(path.read_text(encoding="utf-8", errors="replace")):
            return path
    where = f"the folder {source.include}" if source.include else f"lm-eval {lm_eval_version()}"
    raise BadInput(
        f"lm-eval's task {source.name}", f"no YAML with this task in {where}", "one task (not a group or a tag)",
        "Correct the name; `lm_eval ls tasks` lists them.",
    )  # fmt: skip


def _merged(path: Path, root: Path, files: dict[str, Path], including: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A YAML laid over those that it includes; ``files`` gains all of them and the modules of their functions.

    ``including``: the YAMLs on the way to this one.
    """

    class Loader(yaml.SafeLoader):
        pass

    def function(loader: yaml.SafeLoader, node: Any) -> str:
        module = path.parent / f"{str(node.value).rpartition('.')[0].replace('.', '/')}.py"
        if module.is_file():
            files[_short(module, root)] = module
        return f"!function {node.value}"

    Loader.add_constructor("!function", function)
    files[_short(path, root)] = path
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(str(path), f"not YAML ({' '.join(str(error).split())})", "a YAML mapping", "Mend the file there.") from error
    if not isinstance(settings, dict):
        raise BadInput(str(path), f"a {type(settings).__name__}", "a YAML mapping", "Mend the file, or include another.")
    included = settings.pop("include", [])
    merged: dict[str, Any] = {}
    for name in [included] if isinstance(included, str) else included:
        other = (path.parent / name).resolve()
        if other in including or other == path.resolve():
            raise BadInput(f"{path}, key 'include'", f"{name}, which includes this file", "another file", "Break the circle.")
        if not other.is_file():
            cure = f"Correct it; the YAMLs of lm-eval's own tasks lie in {_package()}/tasks."
            raise BadInput(
                f"{path}, key 'include'", f"{name}, and nothing at {other}", "a path from the YAML's folder, or an absolute one", cure
            )
        merged |= _merged(other, root, files, (*including, path.resolve()))
    return merged | settings


def _short(path: Path, root: Path) -> str:
    return os.path.relpath(path.resolve(), root.resolve())


def _data_files(settings: dict[str, Any], path: Path) -> dict[str, Path]:
    """Files of this machine among the ``data_files`` that the task hands to ``datasets``; they are looked for from the project's root."""
    named = (settings.get("dataset_kwargs") or {}).get("data_files") or []
    values = list(named.values()) if isinstance(named, dict) else [named]
    names = [name for value in values for name in ([value] if isinstance(value, str) else value)]
    if settings.get("dataset_path") in FORMATS:
        for name in names:
            if not re.search(r"://|[*?\[]", name) and not Path(name).is_file():
                allowed = "an existing file, by an absolute path or one from the project's root"
                raise BadInput(f"{path}, key 'dataset_kwargs.data_files'", f"{name}, and nothing there", allowed, "Correct the path.")
    return {f"data/{number}": Path(name) for number, name in enumerate(names) if Path(name).is_file()}
