"""What every page that the project writes shares: stylesheet, frame (base.html) and tables of numbers (numbers.html)."""

from __future__ import annotations

from importlib import resources
from typing import Any

from gap import __version__


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
