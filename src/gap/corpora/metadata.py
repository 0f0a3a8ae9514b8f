"""A line in front of a text that says where it comes from, or what it is about.

Pretraining on text with such a line (``URL: ...``) is known from Gao et al. 2025 (arXiv 2501.01956).
"""

from __future__ import annotations

from collections.abc import Callable

from gap.core.errors import BadInput
from gap.corpora.readers import Document
from gap.params.corpora import TITLED, CorpusJob, metadata_problem

CURE = "Set metadata: source or none, or take another source."


def metadata_line(job: CorpusJob) -> Callable[[Document], str]:
    """What makes the line of a document, its end included; empty without metadata.

    Raises
    ------
    BadInput: the source has no such line (the authors' texts, titles of a source without), now or when a document turns
        out to have no title.
    """
    kind = job.corpus.metadata
    problem = metadata_problem(job.corpus, job.source)
    if problem:
        raise BadInput(f"corpora.{job.name}.metadata", problem, f"titles have {TITLED}", CURE)

    def line(document: Document) -> str:
        if kind == "none":
            return ""
        value = " ".join((document.title if kind == "title" else document.source).split())
        if not value:
            problem = f"title, but document {document.id!r} of {document.source} has none"
            raise BadInput(f"corpora.{job.name}.metadata", problem, f"titles have {TITLED}", CURE)
        return f"{kind.capitalize()}: {value}\n"

    return line
