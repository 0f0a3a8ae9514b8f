"""What mkdocs.yml needs beside docs/: README.md as the first page, and every file of the project that a page links to.

Pages are written to be read in the repository, so they link to files outside docs/.  These come into the site at their own paths, and
links are rewritten; a link to nothing is left as it is, and mkdocs, which is strict, stops at it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
FIRST = "README.md"
#: Pages of mkdocs.yml that stand outside docs/.
PAGES = (FIRST, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
#: A link or image: what stands in front of the target, the target, and a place in it.
LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")


def in_site(path: str) -> str:
    """Where a file of the project (path from its root) stands in the site."""
    return "index.md" if path == FIRST else path.removeprefix("docs/")


def in_project(uri: str) -> str:
    """The file of the project behind a page of the site."""
    return FIRST if uri == "index.md" else uri if not (ROOT / "docs" / uri).exists() else f"docs/{uri}"


def targets(path: str) -> list[str]:
    """The files that a Markdown file links to, from the root; what is not there is left out."""
    found = [resolved(path, link[2]) for link in LINK.finditer((ROOT / path).read_text(encoding="utf-8"))]
    return [target for target in dict.fromkeys(found) if (ROOT / target).is_file()]


def resolved(page: str, target: str) -> str:
    """A link's target, from the root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(target)))


def on_files(files: Files, *, config: Any) -> Files:
    """Add what is linked to, and what that links to."""
    from mkdocs.structure.files import File

    waiting = [*PAGES, *(f"docs/{file.src_uri}" for file in files.documentation_pages())]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if path.endswith(".md"):
            waiting += targets(path)
        if files.get_file_from_path(in_site(path)) is None:
            files.append(File.generated(config, in_site(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links as they are in the site."""
    own = in_project(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        target = resolved(own, link[2])
        if not (ROOT / target).is_file():
            return link[0]
        return link[1] + posixpath.relpath(in_site(target), posixpath.dirname(page.file.src_uri) or ".") + link[3]

    return LINK.sub(rewritten, markdown)
