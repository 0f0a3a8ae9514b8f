"""Text inside every Python: the language reference and the docstrings as prose or as turns of a dialogue, or the source code."""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gap.core.errors import Unavailable
from gap.corpora.readers import Document
from gap.params.sources import StdlibSource
from gap.runtime.workflow_environment import check_python

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
#: Shorter docstrings say too little.
SHORTEST = 200
#: Words of a turn.
SHORTEST_TURN, LONGEST_TURN = 4, 18
SENTENCE_END = re.compile(r"(?<=[.?!]) +(?=[A-Z])")
#: Words and ordinary punctuation only: no code, no markup.
SENTENCE = re.compile(r"[A-Z][A-Za-z ,;'()-]*[.?!]")
#: Folders left out: tests, other people's packages, code tables, what newer Pythons lack, and the reference itself.
SKIPPED = frozenset(
    {
        "test", "tests", "idle_test", "idlelib", "lib2to3", "site-packages", "dist-packages", "__pycache__",
        "turtledemo", "ensurepip", "encodings", "distutils", "pydoc_data",
    }
)  # fmt: skip


def read(source: StdlibSource, seed: int) -> Iterator[Document]:
    """Documentation, or source code.

    Raises
    ------
    BadInput: this is not the Python whose text the job was planned with.
    """
    check_python(f"a source of kind stdlib ({LIBRARY})")
    triples = read_code() if source.content == "code" else read_docs()
    return (Document(identity, text, f"stdlib {source.content}", title) for identity, title, text in triples)


def finish(source: StdlibSource, document: Document) -> Iterator[Document]:
    """The document as it is, or, for content ``turns``, as a dialogue where it has several turns."""
    if source.content != "turns":
        yield document
    elif "\n" in (turns := as_turns(document.text)):
        yield replace(document, text=turns)


def modules() -> Iterator[tuple[str, str]]:
    """(path inside the library, source) of the standard library's modules, sorted; files made at build time are left out.

    The source is empty where it cannot be decoded by the encoding it declares.

    Raises
    ------
    Unavailable: this Python comes without its source files.
    """
    paths = []
    for folder, inner, names in os.walk(LIBRARY):
        inner[:] = [name for name in inner if name not in SKIPPED and not name.startswith("config-")]
        paths += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith("_sysconfigdata")]
    if not paths:
        cure = "Use a source of kind files, or another Python."
        raise Unavailable(f"kind: stdlib ({LIBRARY})", "no source files", "a Python that ships its library as .py files", cure)
    for name, path in sorted((path.relative_to(LIBRARY).as_posix(), path) for path in paths):
        try:
            with tokenize.open(path) as stream:
                text = stream.read()
        except (SyntaxError, UnicodeDecodeError):
            text = ""
        yield name, text


def read_code() -> Iterator[tuple[str, str, str]]:
    """(module path, dotted name, source) of every module that is not blank."""
    for name, text in modules():
        if text.strip():
            yield name, dotted(name), text


def read_docs() -> Iterator[tuple[str, str, str]]:
    """Topics of the language reference, then each module's docstrings of at least ``SHORTEST`` characters as one document.

    The title is the topic's name or the module's dotted one.
    """
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield f"topics/{name}", name, unwrap(topics[name])
    for name, text in modules():
        # parsing is the slow part: files without a long string are passed over
        documented = [docstring for docstring in docstrings(text) if len(docstring) >= SHORTEST] if _has_long_string(text) else []
        if documented:
            yield name, dotted(name), "\n".join(map(unwrap, documented))


def dotted(path: str) -> str:
    """The name that a module is imported by: ``xml.dom`` for ``xml/dom/__init__.py``."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def as_turns(text: str) -> str:
    """The text's plain sentences as lines of two users in turn; nano models learn from it the form of the dialogue prompts."""
    lines = [line for line in text.split("\n") if line[:1].isalpha()]
    sentences = [sentence for line in lines for sentence in SENTENCE_END.split(line) if SENTENCE.fullmatch(sentence)]
    turns = [sentence for sentence in sentences if SHORTEST_TURN <= len(sentence.split()) <= LONGEST_TURN]
    return "\n".join(f"User {1 + index % 2}: {turn}" for index, turn in enumerate(turns))


def unwrap(text: str) -> str:
    """Paragraphs as single lines: lines broken for a terminal's width are joined, indented ones (code, lists) stay apart."""
    paragraphs: list[str] = []
    inside = False
    for line in text.strip().split("\n"):
        plain = line.strip()
        if inside and plain and not line.startswith((" ", "\t", "*", "-")):
            paragraphs[-1] += f" {plain}"
        elif plain:
            paragraphs.append(line.rstrip())
        inside = bool(plain) and not line.startswith((" ", "\t"))
    return "\n".join(paragraphs)


def _has_long_string(source: str) -> bool:
    """Whether there is room for a long docstring between two triple quotes."""
    return any(len(part) >= SHORTEST for quote in ('"""', "'''") for part in source.split(quote)[1:-1])


def docstrings(source: str) -> Iterator[str]:
    """Docstrings of a module, its classes and functions in reading order; none when it is not valid Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
    yield from _below(tree)


def _below(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    text = (ast.get_docstring(node) or "").strip()
    if text:
        yield text
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _below(inner)
