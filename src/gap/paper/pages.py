"""Pages of the documentation whose numbers are held to the results.

A number, or a number word, that states a result or a setting is named in a comment in front of it, which no reader of the page sees:

    <!-- 894 = count audit/construction/classification/rows --> The authors released 894 rows.

What is left of the equals sign is the text as it stands, once, behind the comment; right of it are kind and path as in the article.  Several
stand behind semicolons.  A block between ``<!-- verdicts STUDY -->`` and ``<!-- end -->`` is written whole.

Some digits state nothing and need no comment: those in code, links and comments; in a word with a letter (F1, 350M, 4-bit); directly behind a
name (Python 3.11, Gemma 3); years and dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gap.core.errors import BadInput, refusing
from gap.core.files import write_text
from gap.paper.numbers import shown, verdict_rows
from gap.paper.results import is_to_come, look_up, read_results
from gap.paper.words import counting_words

PAGES = (Path("README.md"), Path("docs/results.md"))
COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
MARK = re.compile(r"\s*(?P<text>[^=]+?) = (?P<kind>[^/=]+?) (?P<path>[\w-]+/.+?)\s*", re.DOTALL)
BLOCK = re.compile(r"(<!-- verdicts (\S+) -->\n)(?:(?!<!-- verdicts ).)*?(<!-- end -->)", re.DOTALL)
OPENED = re.compile(r"<!-- verdicts (\S+) -->")
#: What is no prose: code, comments, addresses, and names of headings in links.
SILENT = re.compile(r"```.*?```|`[^`\n]*`|<!--.*?-->|\]\([^)]*\)|https?://\S+", re.DOTALL)
#: A number; a word with a letter in it is none, nor is what follows a name that does not begin a sentence.
DIGITS = re.compile(r"(?<![\w.,-])[+\N{MINUS SIGN}-]?\d(?:[\d.,]*\d)?(?![\w-]|[.,]\d)")
NAMED = re.compile(r"[^\s.:|#*(] [A-Z]\w* $")
DATE = re.compile(r"(?:19|20)\d\d(?:-\d\d-\d\d)?")
HEAD = ["Claim", "Model", "Difference", "Interval", "Must be above", "Against", "Runs", "Verdict", "Without first text"]


@dataclass(frozen=True)
class Mark:
    """One entry of a comment: the ``text`` it names, which stands at ``start`` of the page, and where its right value is looked up."""

    text: str
    kind: str
    path: str
    start: int
    comment: int


@dataclass(frozen=True)
class Renewed:
    """A page with its numbers renewed; ``changes`` name the line, what stood there and what is right."""

    text: str
    changes: list[str]


def renew_pages(root: Path, *, write: bool) -> list[str]:
    """Hold every page below ``root`` to the results, and write what differs where ``write`` says so; returns the differences.

    Raises
    ------
    BadInput: a page is missing; a number in it is named by no comment; a comment names no number, or a path or kind that is none.
    """
    tree = read_results(root)
    changes = []
    for page in PAGES:
        if not (root / page).is_file():
            raise BadInput(
                str(root / page), "no such file", "a page of the project", "Run this in the project's folder, or name it by --root."
            )
        with refusing(str(root / page), "not readable", "UTF-8 text", "Convert the file to UTF-8."):
            text = (root / page).read_text(encoding="utf-8")
        try:
            typed, renewed = list(typed_numbers(text)), renew(text, tree)
        except BadInput as error:
            raise BadInput(f"{page}, {error.where}", error.found, error.allowed, error.cure) from error
        if typed:
            found = "; ".join(f"{page}:{line}: {words}" for line, words in typed)
            raise BadInput(
                str(page), f"numbers that no comment names: {found}", "<!-- TEXT = KIND PATH -->", "Say where each is looked up."
            )
        changes += [f"{page}:{change}" for change in renewed.changes]
        if write and renewed.text != text:
            write_text(root / page, renewed.text)
    return changes


def renew(text: str, tree: dict[str, Any]) -> Renewed:
    """The page with the right values in place.

    Raises
    ------
    BadInput: as ``marks``; a kind or path is none; a block of verdicts does not end, or is of no study.
    """
    whole = {block.start() for block in BLOCK.finditer(text)}
    if begun := next((block for block in OPENED.finditer(text) if block.start() not in whole), None):
        where = f"line {_line(text, begun.start())}, verdicts {begun[1]}"
        raise BadInput(where, "no end of the block", "<!-- end --> on a line behind it", "Put it there.")
    changes, edits = [], []
    for mark in marks(text):
        if is_to_come(tree, mark.path):
            continue
        right = shown(mark.kind, mark.path, look_up(tree, mark.path))
        if right != mark.text:
            changes.append(f"{_line(text, mark.start)}: {mark.text} should be {right} ({mark.kind} {mark.path})")
            edits += [(mark.start, mark.text, right), (mark.comment, mark.text, right)]
    for start, old, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[start + len(old) :]
    for block in BLOCK.finditer(text):
        if _block(tree, block) != block[0]:
            changes.append(f"{_line(text, block.start())}: the verdicts of study {block[2]} are others; gap page-numbers writes them")
    return Renewed(BLOCK.sub(partial(_block, tree), text), changes)


def marks(text: str) -> Iterator[Mark]:
    """What the comments name, each with the place of its text.

    Raises
    ------
    BadInput: a text does not stand behind its comment; or an entry has an equals sign, and no kind and path behind it.
    """
    taken: set[int] = set()
    open_text = _blank(text, COMMENT)
    for comment in COMMENT.finditer(text):
        for entry in re.finditer(r"[^;]+", comment[1]):
            where = f"line {_line(text, comment.start())}, comment {entry[0].strip()}"
            if not (found := MARK.fullmatch(entry[0])):
                if " = " in entry[0]:
                    raise BadInput(where, "no kind and path behind the equals sign", "TEXT = KIND PATH", "Mend the comment.")
                continue
            places = re.finditer(rf"(?<![\w.,]){re.escape(found['text'])}(?![\w]|[.,]\d)", open_text[comment.end() :])
            place = next((at for match in places if (at := comment.end() + match.start()) not in taken), None)
            if place is None:
                raise BadInput(
                    where, f"no {found['text']} behind it", "the text that it names", "Mend the comment, or run gap page-numbers."
                )
            taken.add(place)
            at = comment.start(1) + entry.start() + found.start("text")
            yield Mark(found["text"], " ".join(found["kind"].split()), " ".join(found["path"].split()), place, at)


def typed_numbers(text: str) -> Iterator[tuple[int, str]]:
    """Line and surroundings of each number and number word that states something and that no comment names."""
    named = [(mark.start, mark.start + len(mark.text)) for mark in marks(text)]
    prose = _blank(_blank(text, BLOCK), SILENT)
    for match in sorted([*DIGITS.finditer(prose), *counting_words(prose)], key=lambda match: match.start()):
        before = prose[: match.start()].replace("\n", " ")
        if any(start <= match.start() and match.end() <= end for start, end in named):
            continue
        if match[0][-1].isdigit() and (DATE.fullmatch(match[0]) or NAMED.search(before)):
            continue
        yield _line(text, match.start()), " ".join(text[max(0, match.start() - 25) : match.end() + 25].split())


def _block(tree: dict[str, Any], block: re.Match[str]) -> str:
    """A block with the verdicts of its study as a table; with a sentence where the study has not been made."""
    if is_to_come(tree, block[2]):
        return f"{block[1]}\nNot run yet.\n\n{block[3]}"
    lines = "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, ["---"] * len(HEAD), *verdict_rows(tree, block[2])))
    return f"{block[1]}\n{lines}\n\n{block[3]}"


def _blank(text: str, pattern: re.Pattern[str]) -> str:
    """The text with spaces in place of what matches, lines kept."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
