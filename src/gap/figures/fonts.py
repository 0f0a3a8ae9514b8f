"""Fonts for labels: DejaVu Sans, and behind it whatever this machine has for letters that it lacks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG = logging.getLogger(__name__)
#: Comes with matplotlib.
FAMILY = "DejaVu Sans"
#: Families that map letters to boxes or to other symbols.
PASSED_OVER = ("Last Resort", "cm")
#: Style, variant, weight and stretch of the font of a family that is looked at.
UPRIGHT = ("normal", "normal", 400, "normal")


def find_glyphs(figure: Figure, name: str) -> bool:
    """Give every text of a figure, once drawn, fonts for all its letters; whether any has another font now.

    Warns of a label with letters that no font here has.
    """
    from matplotlib.text import Text

    changed = False
    for text in figure.findobj(Text):
        families, missing = fonts_for(text.get_text())
        if families:
            text.set_fontfamily([FAMILY, *families])
            changed = True
        if missing:
            LOG.warning("figure %s: %s", name, drawn_as_boxes(text.get_text(), missing))
    return changed


def boxes(labels: Iterable[str]) -> list[str]:
    """A sentence per label that no font on this machine can write; matplotlib is loaded only where a label needs it."""
    found = {label: fonts_for(label)[1] for label in labels}
    return [drawn_as_boxes(label, missing) for label, missing in found.items() if missing]


def drawn_as_boxes(label: str, missing: str) -> str:
    """What is wrong with a label, and the cure."""
    return f"the label {label!r} has letters that no font here holds ({' '.join(missing)}), drawn as boxes. Install a TrueType font that has them, or change the label."


@cache
def fonts_for(text: str) -> tuple[tuple[str, ...], str]:
    """Families beside DejaVu Sans that the letters of ``text`` need, and the letters that no family holds, each once."""
    left = {letter for letter in text if not letter.isascii() and letter.isprintable()}
    left -= _letters(FAMILY) if left else set()
    families = []
    while left:
        best = max(_others(), key=lambda family: len(left & _letters(family)), default="")
        if not best or not left & _letters(best):
            break
        families.append(best)
        left -= _letters(best)
    return tuple(families), "".join(sorted(left))


@cache
def _others() -> tuple[str, ...]:
    """The other families of this machine, in the order of their names; of TrueType alone, which PDF files can hold whole."""
    from matplotlib.font_manager import fontManager

    upright = [font for font in fontManager.ttflist if (font.style, font.variant, font.weight, font.stretch) == UPRIGHT]
    names = {font.name for font in upright if font.fname.lower().endswith(".ttf")}
    return tuple(sorted(name for name in names - {FAMILY} if not name.startswith(PASSED_OVER)))


@cache
def _letters(family: str) -> frozenset[str]:
    """The letters of a family's upright font; none of a bitmap font."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont(family))
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
