"""The tasks as a folder for ``lm_eval --include_path``, with their items.

lm-eval hands ``data_files`` to ``datasets``, which takes a relative path from the directory that the command is started
in.  The written folder therefore names its own copies of the items by absolute paths.

lm-eval feeds up to ``max_length`` tokens and looks up one more; the authors cut at 512 tokens in all, which is
``max_length=511``.  For greedy answers it cuts the prompt to ``max_length`` less the new tokens; the authors' 512 tokens of
prompt and 32 new ones are ``max_length=544``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from string import Template

from gap.core.errors import BadInput
from gap.core.files import write_jsonl, write_text
from gap.tasks.items import kept_rows
from gap.tasks.registry import known_task
from gap.tasks.task import Task

TEMPLATES = Path(__file__).with_name("lm_eval")
#: lm-eval's max_length that stands for the authors' 512, by group.
GROUPS = {"classification": 511, "dialogue": 544}


def export_tasks(files: dict[str, Path], limit: int, out: Path) -> list[str]:
    """Write YAML, hooks and the first ``limit`` items that the protocol keeps; returns the names of tasks and groups.

    Parameters
    ----------
    files: ``TASK/SPLIT`` or ``TASK`` (its validation split) -> fetched items, JSONL; one split per task.

    Raises
    ------
    BadInput: an unknown task or split, a task named twice, one that is lm-eval's already, items that do not fit their task, or none.
    """
    written: list[Task] = []
    for name, path in files.items():
        task, split = _named(name)
        if task in written:
            raise BadInput(f"--items {name}", f"a second split of {task.name}", "one split per task", "Write another folder for it.")
        items = out.resolve() / "items" / task.name / f"{split}.jsonl"
        rows = [row for row, _ in islice(kept_rows(task, path), max(limit, 0))]
        if not rows:
            raise BadInput(
                str(path), f"no item of {task.name} among the first {limit} that the protocol keeps", "one or more", "Correct it."
            )
        write_jsonl(items, rows)
        write_text(out / f"{task.lm_eval}.yaml", task_yaml(task, split, items))
        written.append(task)
    write_text(out / "utils.py", (TEMPLATES / "utils.py").read_text(encoding="utf-8"))
    groups = {group: [task for task in written if task.group == group] for group in GROUPS}
    for group, tasks in groups.items():
        if tasks:
            write_text(out / f"gap_{group}.yaml", group_yaml(group, tasks))
    return [task.lm_eval for task in written] + [f"gap_{group}" for group, tasks in groups.items() if tasks]


def commands(names: list[str], out: Path, arguments: Mapping[str, str] | None = None) -> list[str]:
    """The lm-eval commands that score the written tasks as this project does, one per group.

    Parameters
    ----------
    arguments: group -> model arguments (``gap.evaluate.lm_eval.arguments``); without, those for a model whose tokenizer opens every
        text by itself and that has the positions.
    """
    given = arguments or {group: f"pretrained=MODEL,add_bos_token=True,max_length={length}" for group, length in GROUPS.items()}
    return [
        f"lm_eval --model hf --model_args {given[group]} --include_path {out} --tasks gap_{group}"
        for group in GROUPS
        if f"gap_{group}" in names
    ]


def task_yaml(task: Task, split: str, items: Path) -> str:
    """A task's YAML for lm-eval, by the template of its output type."""
    quoted = {"items": json.dumps(str(items)), "stop": json.dumps(task.stop)}
    return _filled(task.output_type, task=task.name, label=task.label, split=split, **quoted)


def group_yaml(group: str, tasks: list[Task]) -> str:
    """The YAML of a group; every task counts the same."""
    return _filled("group", group=group, tasks="\n".join(f"  - {task.lm_eval}" for task in tasks), metric=tasks[0].metric)


def _filled(template: str, **values: str) -> str:
    return Template((TEMPLATES / f"{template}.yaml").read_text(encoding="utf-8")).substitute(values)


def _named(name: str) -> tuple[Task, str]:
    task_name, _, split = name.partition("/")
    task, split = known_task(task_name), split or "validation"
    if split not in task.splits:
        raise BadInput(f"--items {name}", f"split {split!r}", f"one of {list(task.splits)}", "Correct it.")
    if task.lm_eval_source is not None:
        cure = f"Give lm-eval its own name for it: {task.lm_eval_source.name}."
        raise BadInput(f"--items {name}", "a task that is lm-eval's already", "a task of this project", cure)
    return task, split
