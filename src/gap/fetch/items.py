"""Evaluation items: from wherever they lie to JSONL in the task's columns, with a provenance record.

Rows are kept as they are, all of them and in their order; only columns that the hub does not have are left out.  What
the protocol drops (ARC rows with another number of choices, one-turn dialogues) is dropped when items are loaded.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from gap.core.checksums import record_of
from gap.core.digest import file_digest
from gap.core.errors import BadInput
from gap.core.files import read_csv, read_jsonl, read_object, write_jsonl
from gap.core.locations import existing
from gap.fetch.hub import parquet_rows, read_parquet
from gap.fetch.lm_eval_documents import read_documents
from gap.fetch.origin import Origin
from gap.fetch.source_file import source_file
from gap.fetch.upstream import read_upstream, upstream_origin
from gap.params.items import Items, TaskJob
from gap.runtime.provenance import write_provenance
from gap.tasks.items import make_item
from gap.tasks.registry import known_task
from gap.tasks.task import Row, Task


@dataclass(frozen=True)
class Fetched:
    """Rows, the words for where they lie, and the files of pinned repositories behind them (none of a folder of the user's)."""

    source: str
    rows: list[Row]
    origins: tuple[Origin, ...] = ()


def fetch_items(job: TaskJob, out: Path) -> None:
    """Write one split of one task to ``out`` (JSONL) and ``<stem>.provenance.json`` beside it (source, rows, sha256, fetched).

    Raises
    ------
    BadInput: unknown task or split; no such file; a row that lacks what the protocol reads.
    Unavailable: the hub, the authors' repository or the mirror is out of reach.
    Refused: a file is not the pinned one.
    """
    task = known_task(job.task)
    if job.split not in task.splits:
        cure = "Name one of these under evaluate.splits, or drop the task."
        raise BadInput(f"split of task {task.name}", repr(job.split), f"one of {list(task.splits)}", cure)
    fetched = read_rows(job.items, task, job.split)
    for number, row in enumerate(fetched.rows, 1):
        make_item(task, row, f"{fetched.source}, line {number}")  # refuses rows that the protocol cannot read
    write_jsonl(out, [{column: row[column] for column in task.columns if column in row} for row in fetched.rows])
    facts = {"source": fetched.source, "rows": len(fetched.rows), "sha256": file_digest(out)}
    write_provenance(record_of(out), "fetch-items", job.model_dump(mode="json"), **facts, fetched=list(map(asdict, fetched.origins)))


def read_rows(items: Items, task: Task, split: str) -> Fetched:
    """All rows of a split."""
    if task.lm_eval_source is not None:
        return Fetched(*read_documents(task, split))
    if split in task.files:
        return Fetched(task.files[split], read_file(existing(task.files[split])))
    if items.kind == "hub":
        return _from_hub(task, split)
    path = source_file(items, task, split)
    return Fetched(path.name if items.kind == "miniature" else _named(items, path), read_file(path))


def _named(items: Items, file: Path) -> str:
    """A file of a folder in the words of the parameter, so that no record holds the path of a machine."""
    path = items.path or ""
    return path + ("" if path.endswith((":", "/")) else "/") + str(file.relative_to(existing(path)))


def read_file(file: Path) -> list[Row]:
    """Rows of a JSONL, Parquet or CSV file, or of one of the authors' dialogue JSON files ``{"text": {key: [turn, ...]}}``.

    Raises
    ------
    BadInput: the file is not what its ending says.
    """
    if file.suffix == ".csv":
        return [{**row, "pubid": int(row["pubid"])} if row.get("pubid", "").isdecimal() else row for row in read_csv(file)]
    if file.suffix == ".json":
        dialogues = read_object(file, "Fetch it again.").get("text")
        if not isinstance(dialogues, dict) or not all(key.isdecimal() for key in dialogues):
            raise BadInput(f"{file}, key 'text'", f"a {type(dialogues).__name__}", "dialogues by number", "Fetch it again.")
        return [{"index": int(key), "text": turns} for key, turns in dialogues.items()]
    if file.suffix == ".parquet":
        try:
            return read_parquet(file)
        except ValueError as error:
            raise BadInput(str(file), f"not readable as Parquet ({error})", "numbers, texts, lists and mappings", "Convert it.") from error
    return read_jsonl(file)


def _from_hub(task: Task, split: str) -> Fetched:
    """Rows at the pinned revision: the authors' files, or the hub's Parquet."""
    relative = dict(task.upstream).get(split)
    if relative is not None:
        return Fetched(f"authors' repository: {relative}", read_file(read_upstream(relative)), (upstream_origin(relative),))
    hub = task.hub
    if hub is None or hub.revision is None:
        name = hub.dataset if hub else task.name
        raise BadInput(
            f"task {task.name}, kind hub", f"no pinned revision of {name}", f"a commit of 40 hex digits in {task.module}",
            "Look the commit up on the data set's page and pin it there, or use items.kind: folder.",
        )  # fmt: skip
    rows, origin = parquet_rows(hub.dataset, hub.file(split), hub.revision)
    return Fetched(f"{hub.dataset}@{hub.revision}: {hub.file(split)}", rows, (origin,))
