"""The page in a browser: a screen, a telephone and paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, MISSING, Browser, browser

from gap.estimate.stage import estimate
from gap.figures.stage import figures
from gap.report.stage import report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
#: Elements that are wider than the window, unless a box of their own scrolls them.
WIDER = """[...document.querySelectorAll('body *')].filter(part => part.getBoundingClientRect().right > innerWidth + 1
  && !part.closest('.scroll, pre, details:not([open])')).map(part => part.outerHTML.slice(0, 80))"""
#: Figures: name, pixels of the picture, and the size in CSS pixels of a letter that is drawn in 7 points at 200 dots per inch.
LETTERS = """[...document.querySelectorAll('figure img')].map(img => [img.closest('figure').id, img.naturalWidth,
  (img.clientWidth - 13) / img.naturalWidth * 7 / 72 * 200])"""


@pytest.fixture(scope="module")
def page(plan: dict) -> Path:
    estimate(plan)
    figures(plan)
    report(plan)
    return Path(plan["light"]["report"])


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_asked_for_and_nothing_sticks_out(chromium: Browser, page: Path, width: int) -> None:
    chromium.open(page, width)
    assert chromium.requests() == [] and chromium.complaints() == []
    assert chromium.value("document.documentElement.scrollWidth") == width
    assert chromium.value(WIDER) == []
    letters = {name: size for name, pixels, size in chromium.value(LETTERS) if pixels > 1}
    assert len(letters) >= 7 and min(letters.values()) >= 9, "smaller letters nobody reads"


def test_the_first_screen_holds_question_answer_figure_and_verdicts(chromium: Browser, page: Path) -> None:
    chromium.open(page, 1280)
    for part in (".question", ".answer", ".first figure img", ".card:last-child .claim"):
        bottom = chromium.value(f"document.querySelector('{part}').getBoundingClientRect().bottom")
        assert bottom < 900, part
    assert chromium.value("document.querySelectorAll('.findings > li').length") <= 5


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(chromium: Browser, page: Path, dark: bool) -> None:
    """Contrast of at least 4.5 to 1 (WCAG AA), of text, of what is soft, and of links."""
    chromium.open(page, 1280, dark=dark)
    for part in ("body", ".sub", "figcaption", "a", ".verdict"):
        colours = chromium.value(
            f"[getComputedStyle(document.querySelector('{part}')).color, getComputedStyle(document.body).backgroundColor]"
        )
        light, deep = sorted((luminance(colour) for colour in colours), reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 4.5, part


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)"."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_on_paper_everything_is_open_and_no_figure_is_cut(chromium: Browser, page: Path, tmp_path: Path) -> None:
    chromium.open(page, 700)
    chromium.print(tmp_path / "page.pdf")
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", pdf)) > 3
    chromium.call("Emulation.setEmulatedMedia", media="print")
    closed = chromium.value("[...document.querySelectorAll('details:not([open])')].map(part => part.getBoundingClientRect().height)")
    assert closed and min(closed) > 40, "the content of closed details is printed"
    sheet = 1010  # CSS pixels on a page of A4 within its margins
    assert max(chromium.value("[...document.querySelectorAll('figure')].map(part => part.getBoundingClientRect().height)")) < sheet
    assert chromium.value("[...document.querySelectorAll('figure, tr')].every(part => getComputedStyle(part).breakInside === 'avoid')")
    wide = chromium.value("[...document.querySelectorAll('figure img, table.numbers')].map(part => part.getBoundingClientRect().right)")
    assert max(wide) <= 701
