"""What every page that the project writes shares: stylesheet, frame (base.html) and tables of numbers (numbers.html)."""

from __future__ import annotations

import base64
from importlib import resources
from pathlib import Path
from typing import Any

from gap import __version__
from gap.core.errors import BadInput

#: Data of a figure of at most this many bytes are a download inside the page; larger ones are named.
EMBEDDED = 100_000


def render(package: str, template: str, **values: Any) -> str:
    """The page made from a template that lies in ``package``; it may extend base.html and import numbers.html.

    Values must hold ``title``, ``study`` and ``digest`` for the frame.  Text is escaped.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = ChoiceLoader([PackageLoader(package, "."), PackageLoader(__name__, ".")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = resources.files(__name__).joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(style=Markup(style), version=__version__, **values)


def embedded(folder: Path, name: str) -> dict[str, str]:
    """A figure's files as a page shows them: its PNG (``data``, base64), its CSV as a link (``csv``, empty where it is too large) and by its file name (``csv_name``).

    Raises
    ------
    BadInput: there is no PNG.
    """
    csv = folder / f"{name}.csv"
    small = csv.exists() and csv.stat().st_size <= EMBEDDED
    link = f"data:text/csv;base64,{_encoded(csv)}" if small else ""
    return {"data": _encoded(folder / f"{name}.png"), "csv": link, "csv_name": csv.name if csv.exists() else ""}


def _encoded(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode("ascii")
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", "the figures of this study", "Run gap figures first.") from error
