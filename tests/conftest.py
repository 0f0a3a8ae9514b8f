"""For all tests: no clock decides whether one passes, and figures are drawn with the font type that is the quickest to embed."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from gap.figures import style

settings.register_profile("without a clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("without a clock")


@pytest.fixture(scope="session", autouse=True)
def font_type() -> Iterator[int]:
    """Letters as outlines (Type 3) in PDFs that tests draw themselves; cutting a TrueType font to its letters takes a third of drawing.

    The value is the font type that the product uses.
    """
    used = style.SETTINGS["pdf.fonttype"]
    style.SETTINGS["pdf.fonttype"] = 3
    yield used
    style.SETTINGS["pdf.fonttype"] = used
