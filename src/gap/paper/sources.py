"""The article's TeX sources: which results they ask for, and which digits in them no result made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gap.core.errors import BadInput, refusing
from gap.paper.words import counting_words

#: Names that hold a digit and count nothing.
NAMES = ("F1", "fp16", "fp32", "bf16", "SHA-256", "4-bit", "H200", "SmolLM2")
VALUE = re.compile(r"\\val\{([^{}]*)\}\s*\{([^{}]*)\}")
VERDICTS = re.compile(r"\\verdicttable\{([^{}]*)\}")
#: A comment, behind pairs of backslashes, which end a line.
COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")
#: Commands whose arguments are no text but names of files, keys and layout: one of each, two of ``val``; and ``said``, around a number
#: word that names a step of the method or a thing, and states no result.
SILENT = r"val|said|verdicttable|ifstudy|pipeline\w+|cite[pt]?|ref|label|input|documentclass|usepackage|begin|end|bibliography\w*"
COMMAND = re.compile(rf"\\({SILENT})(?![A-Za-z])\*?")
#: What stands in front of an argument: space, optional arguments, and its brace.
OPENING = re.compile(r"\s*(?:\[[^\]]*\]\s*)*\{")
SHOWN = 5


def read_sources(folder: Path) -> dict[Path, str]:
    """The text of every TeX file of a folder, without its comments.

    Raises
    ------
    BadInput: there is none, or one is not UTF-8 or holds a digit that no result made.
    """
    sources = {}
    for path in sorted(folder.glob("*.tex")):
        with refusing(str(path), "not readable", "UTF-8 text", "Convert the file to UTF-8."):
            sources[path] = COMMENT.sub(r"\1", path.read_text(encoding="utf-8"))
    if not sources:
        raise BadInput(str(folder), "no .tex file", "the article's sources", "Name their folder.")
    typed = [f"{path.name}:{line}: {text}" for path, source in sources.items() for line, text in typed_numbers(source)]
    if typed:
        shown = "; ".join(typed[:SHOWN]) + (f"; and {len(typed) - SHOWN} more" if len(typed) > SHOWN else "")
        raise BadInput(
            str(folder),
            f"numbers that no result made: {shown}",
            r"\val{KIND}{PATH}",
            "Look the number up; of a number word, by the kind word.",
        )
    return sources


def typed_numbers(source: str) -> Iterator[tuple[int, str]]:
    """Line and surroundings of each number, in digits or words, outside arguments that are no text, and outside ``NAMES``."""
    text = _without(source, _silent(source))
    text = _without(text, (match.span() for name in NAMES for match in re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)))
    for match in sorted([*re.finditer(r"\d[\d.,]*", text), *counting_words(text)], key=lambda match: match.start()):
        line = text.count("\n", 0, match.start()) + 1
        yield line, " ".join(text[max(0, match.start() - 20) : match.end() + 20].split())


def wanted_values(sources: dict[Path, str]) -> list[tuple[str, str]]:
    """Kind and path of every value that the text asks for, each once, in order."""
    found = (match for source in sources.values() for match in VALUE.finditer(source))
    return list(dict.fromkeys((" ".join(match[1].split()), " ".join(match[2].split())) for match in found))


def wanted_verdicts(sources: dict[Path, str]) -> list[str]:
    """Studies whose verdicts the text shows as rows of a table."""
    return list(dict.fromkeys(match[1] for source in sources.values() for match in VERDICTS.finditer(source)))


def _silent(source: str) -> Iterator[tuple[int, int]]:
    """Spans of the arguments that are no text, optional ones in front of them too."""
    for command in COMMAND.finditer(source):
        place = command.end()
        for _ in range(2 if command[1] == "val" else 1):
            if not (opening := OPENING.match(source, place)):
                break
            place = _closing(source, opening.end() - 1) + 1
        yield command.start(), place


def _closing(source: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(source)):
        depth += {"{": 1, "}": -1}.get(source[place], 0)
        if depth == 0:
            return place
    return len(source) - 1


def _without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with spaces in place of spans, lines kept."""
    for start, end in list(spans):
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]
    return text
