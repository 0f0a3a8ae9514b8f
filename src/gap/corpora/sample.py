"""Sampling a corpus: the texts that runs are post-trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.digest import file_digest, text_digest
from gap.core.errors import BadInput
from gap.core.progress import progress
from gap.core.provenance import write_provenance
from gap.core.tables import write_table
from gap.corpora.documents import Document, documents
from gap.corpora.duplicates import Kept
from gap.corpora.metadata import front_line
from gap.corpora.overlap import ItemFiles, item_runs, quotes
from gap.corpora.tokens import encode, open_tokenizer, tokenizer_file
from gap.corpora.windows import windows
from gap.params.jobs import CorpusJob
from gap.params.sources import AuthorsSource, ProceduralSource

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def sample_corpus(job: CorpusJob, tokenizer: Path, items: ItemFiles, out: Path) -> None:
    """Write the first ``job.texts`` texts of a corpus as table ``texts``, and beside it ``<out stem>.provenance.json`` with counts.

    Sampling is prefix-stable: asking for more texts leaves the first ones as they are.  The authors' texts are taken
    whole and in their order (text i is row i); among them repeats and overlaps are counted, never dropped.

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
    import pandas as pd

    tool = open_tokenizer(tokenizer)
    tally: Counter[str] = Counter()
    found = _authors(job, items, tally) if isinstance(job.source, AuthorsSource) else _sampled(job, tool, items, tally)
    rows: list[dict[str, Any]] = []
    with progress(f"corpus {job.name}", job.texts) as shown:
        for document, text in found:
            rows.append(_row(job.name, len(rows), document, text, tool))
            shown.step()
            if len(rows) == job.texts:
                break
    if len(rows) < job.texts:
        raise _too_few(job, len(rows), tally)
    write_table(pd.DataFrame(rows), out, "texts")
    settings = {**job.model_dump(mode="json"), "tokenizer": file_digest(tokenizer_file(tokenizer))}
    write_provenance(
        out.with_name(f"{out.stem}.provenance.json"), "corpora", settings, counts={**dict(sorted(tally.items())), "kept": len(rows)}
    )


def _row(corpus: str, number: int, document: Document, text: str, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "corpus": corpus,
        "text": number,
        "string": text,
        "tokens": len(encode(tokenizer, text)),
        "source": document.source,
        "document": document.id,
        "hash": text_digest(text),
    }


def _forbidden(job: CorpusJob, items: ItemFiles) -> frozenset[str]:
    """The runs that a text may not hold."""
    if job.corpus.overlap == "report":
        return frozenset()
    if not items:
        raise BadInput(
            f"corpus {job.name}", "overlap: remove, but no items", "the fetched items (--items)", "Pass the items, or set overlap: report."
        )
    return item_runs(items)


def _sampled(job: CorpusJob, tokenizer: Tokenizer, items: ItemFiles, tally: Counter[str]) -> Iterator[tuple[Document, str]]:
    """Windows that repeat no earlier one and, where asked, quote no item; behind their line of metadata, if any."""
    settings, forbidden, front = job.corpus, _forbidden(job, items), front_line(job)
    kept = Kept(settings.near_duplicates)
    for document, text in windows(documents(job.source, settings.part, job.seed), tokenizer, settings.window, job.seed, tally, front):
        tally["windows"] += 1
        whole = front(document) + text
        # a repeat stays one under another title
        reason = kept.repeats(text) or ("overlap" if quotes(whole, forbidden) else "")
        if reason:
            tally[f"dropped_{reason}"] += 1
            continue
        kept.add(text)
        yield document, whole


def _authors(job: CorpusJob, items: ItemFiles, tally: Counter[str]) -> Iterator[tuple[Document, str]]:
    """The authors' rows as they stand; repeats and overlaps among those taken are counted."""
    if job.corpus.part != "all":
        raise BadInput(
            f"corpora.{job.name}.part", job.corpus.part, "all: the authors' texts are taken whole, text i is their row i", "Set part: all."
        )
    front_line(job)
    forbidden = _forbidden(job, items)
    kept = Kept(job.corpus.near_duplicates)
    for document in documents(job.source, "all", job.seed):
        tally["documents"] += 1
        reason = kept.repeats(document.text)
        if reason:
            tally[f"found_{reason}"] += 1
        if quotes(document.text, forbidden):
            tally["found_overlap"] += 1
        kept.add(document.text)
        yield document, document.text


def _too_few(job: CorpusJob, kept: int, tally: Counter[str]) -> BadInput:
    """The error for a source that holds too few texts; says where the others went."""
    reasons = [
        f"{tally['documents']} documents in part {job.corpus.part} (heldout: {job.source.heldout})",
        f"{tally['short']} of them shorter than {job.corpus.window} tokens",
        f"{tally['crowded']} whose line of metadata takes more than half of that",
        f"{tally['unclean']} windows that no cut at a token boundary makes readable",
        f"{tally['dropped_exact']} repeats",
        f"{tally['dropped_near']} near repeats",
        f"{tally['dropped_overlap']} quoting an evaluation item",
    ]
    more = "raise the source's documents or lines" if isinstance(job.source, ProceduralSource) else "add text to the source"
    return BadInput(
        f"corpus {job.name}",
        f"{kept} texts where {job.texts} are asked for: {', '.join(reasons)}",
        f"a source with at least {job.texts} distinct windows of {job.corpus.window} tokens",
        f"Lower gap.texts or the window, raise near_duplicates, or {more}.",
    )
