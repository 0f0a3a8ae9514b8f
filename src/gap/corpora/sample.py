"""Sampling a corpus: the texts that runs are post-trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
from tokenizers import Tokenizer

from gap.core.checksums import record_of
from gap.core.digest import file_digest, text_digest
from gap.core.errors import BadInput
from gap.core.progress import progress
from gap.core.tables import write_table
from gap.corpora.documents import documents, origins
from gap.corpora.duplicates import SeenTexts
from gap.corpora.metadata import metadata_line
from gap.corpora.overlap import ItemFiles, item_ngrams, quotes
from gap.corpora.readers import Document
from gap.corpora.tokens import encode, open_tokenizer, tokenizer_file
from gap.corpora.windows import WindowCutter
from gap.params.corpora import CorpusJob
from gap.params.sources import AuthorsSource, ProceduralSource
from gap.runtime.provenance import write_provenance


def sample_corpus(job: CorpusJob, tokenizer: Path, items: ItemFiles, out: Path) -> None:
    """Write the first ``job.texts`` texts of a corpus, behind those that it skips, as table ``texts``.

    Beside it stands ``<out stem>.provenance.json`` with counts.  Sampling is prefix-stable: asking for more texts leaves the first ones as they are.  The authors' texts are taken
    whole and in their order (text i is row i, or row i behind those skipped); among them repeats and overlaps are counted, never dropped.

    Parameters
    ----------
    tokenizer: folder of the tokenizer whose tokens the windows are counted in.
    items: task -> split -> fetched items; read only when ``job.corpus.overlap`` is ``remove``.

    Raises
    ------
    BadInput: the source holds fewer texts than asked for, or cannot be read as it should; the authors' texts are to be
        split or to get a line of metadata; a document has no title for it; overlaps are to be removed but no items are given.
    Unavailable, Refused: as ``gap.corpora.documents.documents``.
    """
    backend = open_tokenizer(tokenizer)
    counts: Counter[str] = Counter()
    texts = _authors(job, items, counts) if isinstance(job.source, AuthorsSource) else _sampled(job, backend, items, counts)
    rows: list[dict[str, Any]] = []
    with progress(f"corpus {job.name}", job.texts) as shown:
        for document, text in islice(texts, job.corpus.skip, None):
            row = {"corpus": job.name, "text": len(rows), "string": text, "tokens": len(encode(backend, text)), "source": document.source}
            rows.append({**row, "document": document.id, "hash": text_digest(text)})
            shown.step()
            if len(rows) == job.texts:
                break
    if len(rows) < job.texts:
        raise _too_few(job, len(rows), counts)
    write_table(pd.DataFrame(rows), out, "texts")
    settings = {**job.model_dump(mode="json"), "tokenizer": file_digest(tokenizer_file(tokenizer))}
    totals = {**dict(sorted(counts.items())), "kept": len(rows)}
    fetched = list(map(asdict, origins(job.source)))
    write_provenance(record_of(out), "corpora", settings, counts=totals, sha256=file_digest(out), fetched=fetched)


def _forbidden(job: CorpusJob, items: ItemFiles) -> frozenset[str]:
    """The 13-grams that a text may not hold."""
    if job.corpus.overlap == "report":
        return frozenset()
    if not items:
        problem, cure = "overlap: remove, but no items", "Pass the items, or set overlap: report."
        raise BadInput(f"corpus {job.name}", problem, "the fetched items (--items)", cure)
    return item_ngrams(items)


def _sampled(job: CorpusJob, tokenizer: Tokenizer, items: ItemFiles, counts: Counter[str]) -> Iterator[tuple[Document, str]]:
    """Windows that repeat no earlier one and, where asked, quote no item; behind their line of metadata, if any."""
    settings, forbidden, line_of = job.corpus, _forbidden(job, items), metadata_line(job)
    seen = SeenTexts(settings.near_duplicates)
    cutter = WindowCutter(tokenizer, settings.window, job.seed, counts, line_of)
    for document, text in cutter.windows(documents(job.source, settings.part, job.seed)):
        counts["windows"] += 1
        whole = line_of(document) + text
        # a repeat stays one under another title
        reason = seen.repeats(text) or ("overlap" if quotes(whole, forbidden) else "")
        if reason:
            counts[f"dropped_{reason}"] += 1
            continue
        seen.add(text)
        yield document, whole


def _authors(job: CorpusJob, items: ItemFiles, counts: Counter[str]) -> Iterator[tuple[Document, str]]:
    """The authors' rows as they stand; repeats and overlaps among those taken are counted."""
    if job.corpus.part != "all":
        allowed = "all: the authors' texts are taken whole, text i is their row i"
        raise BadInput(f"corpora.{job.name}.part", job.corpus.part, allowed, "Set part: all.")
    metadata_line(job)  # refuses one
    forbidden = _forbidden(job, items)
    seen = SeenTexts(job.corpus.near_duplicates)
    for document in documents(job.source, "all", job.seed):
        counts["documents"] += 1
        reason = seen.repeats(document.text)
        if reason:
            counts[f"found_{reason}"] += 1
        if quotes(document.text, forbidden):
            counts["found_overlap"] += 1
        seen.add(document.text)
        yield document, document.text


def _too_few(job: CorpusJob, texts: int, counts: Counter[str]) -> BadInput:
    """The error for a source that holds too few texts; says where the others went."""
    skipped, lower = (f" behind {job.corpus.skip} that are skipped", "gap.texts, skip") if job.corpus.skip else ("", "gap.texts")
    found = f"{texts} texts where {job.texts} are asked for{skipped}"
    if isinstance(job.source, AuthorsSource):
        allowed = f"at most {counts['documents']}, all that the authors released"
        return BadInput(f"corpus {job.name}", found, allowed, f"Lower {lower.replace(',', ' or')}, or take another source.")
    reasons = [
        f"{counts['documents']} documents in part {job.corpus.part} (heldout: {job.source.heldout})",
        f"{counts['short']} of them shorter than {job.corpus.window} tokens",
        f"{counts['crowded']} whose line of metadata takes more than half of that",
        f"{counts['unclean']} windows that no cut at a token boundary makes readable",
        f"{counts['dropped_exact']} repeats",
        f"{counts['dropped_near']} near repeats",
        f"{counts['dropped_overlap']} quoting an evaluation item",
    ]
    more = "raise the source's documents or lines" if isinstance(job.source, ProceduralSource) else "add text to the source"
    return BadInput(
        f"corpus {job.name}",
        f"{found}: {', '.join(reasons)}",
        f"a source with at least {job.corpus.skip + job.texts} distinct windows of {job.corpus.window} tokens",
        f"Lower {lower} or the window, raise near_duplicates, or {more}.",
    )
