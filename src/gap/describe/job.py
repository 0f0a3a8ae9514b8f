"""One job: texts described by one base model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.digest import digest, file_digest
from gap.core.errors import BadInput
from gap.core.progress import Progress, progress
from gap.describe.feature_cache import TABLE, TEXT_KEYS, FeatureCache, cosine_key
from gap.models.load import model_identity
from gap.models.text import read_texts
from gap.params.describe import DescribeJob
from gap.runtime.journal import Journal
from gap.runtime.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor

    from gap.describe.session import Session

Items = dict[str, dict[str, Path]]


def describe(job: DescribeJob, model: Path, items: Items, corpora: dict[str, Path], out: Path, runtime: Runtime) -> None:
    """Write table ``text_features`` of the job's texts and ``<out stem>.provenance.json`` beside it.

    What is done of a text is in the journal, so that a killed job goes on where it was; rows of the same text in
    earlier files of the folder are reused, so that more texts or another task compute only what is new.

    Parameters
    ----------
    model: the base model's folder.
    items: task -> split -> fetched items (JSONL).
    corpora: corpus name -> its table ``texts``.

    Raises
    ------
    BadInput: a text is not in its corpus or cannot be encoded, items are missing or wrong, or the model's folder is not usable.
    """
    from gap.describe.session import Session

    strings = read_texts(job.texts, corpora)
    files = _item_files(job, items)
    # a cosine is that with the items as they are, whatever the job calls them
    tasks = [task.model_copy(update={"basis": digest([task.basis, file_digest(files[task.task])])}) for task in job.tasks]
    job = job.model_copy(update={"tasks": tasks})
    session = Session(job, model, runtime)
    ids = [session.encode(strings[text.corpus, text.text]) for text in job.texts]
    cache = FeatureCache(job, Journal(out, TABLE, text_identities(job, model, strings), key="id"), session.weights)
    with progress(f"describe {job.model}", len(job.texts) * (1 + len(job.tasks))) as shown:
        for number, text in enumerate(job.texts):
            if cache.lacks(number, TEXT_KEYS):
                cache.add(number, {(feature, "", ""): value for feature, value in session.features(ids[number]).items()})
            shown.step(note=f"{text.corpus} {text.text}")
        _add_cosines(session, cache, files, list(enumerate(ids)), shown)
    cache.finish(device=session.device.type, threads=runtime.threads, no_cache=session.decoder.reason)


def text_identities(job: DescribeJob, model: Path, strings: dict[tuple[str, int], str]) -> dict[str, str]:
    """Text's id -> digest of what determines its features beside a task's items: the model's files, the text, how it is described."""
    common = [model_identity(model), job.describe.identity(), job.max_tokens, job.max_length, job.code]
    return {text.id: digest([common, text.corpus, strings[text.corpus, text.text]], 24) for text in job.texts}


def _item_files(job: DescribeJob, items: Items) -> dict[str, Path]:
    """Task -> the file of its items that the job needs."""
    for task in job.tasks:
        if task.split not in items.get(task.task, {}):
            name = f"{task.task}/{task.split}"
            raise BadInput(f"items of {name}", "no file", "one for each task of the job", f"Pass --items {name}=FILE.")
    return {task.task: items[task.task][task.split] for task in job.tasks}


def _add_cosines(session: Session, cache: FeatureCache, files: dict[str, Path], texts: list[tuple[int, Tensor]], shown: Progress) -> None:
    """Compute the cosines that are still lacking."""
    tasks = [task for task in cache.job.tasks if any(cache.lacks(number, [cosine_key(task)]) for number, _ in texts)]
    lacking = [(number, ids) for number, ids in texts if cache.lacks(number, map(cosine_key, tasks))]
    shown.step(len(texts) * len(cache.job.tasks) - len(lacking) * len(tasks))
    targets = [session.targets(task.task, files[task.task]) for task in tasks]
    for number, cosines in session.cosines(targets, lacking):
        cache.add(number, {cosine_key(tasks[index]): value for index, value in cosines.items()})
        shown.step(len(cosines), note=f"{cache.job.texts[number].corpus} {cache.job.texts[number].text}")
