"""Known problems as one paragraph and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from gap.core.errors import GapError
from gap.core.files import no_room

NO_SPACE = 28


def code_of(act: Callable[[], object]) -> int:
    """Run ``act``; 0, or the code of a known problem, which is said on stderr (2 bad input, 3 unavailable, 4 refused)."""
    try:
        act()
    except GapError as error:
        print(f"gap: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno != NO_SPACE:
            raise
        print(f"gap: {no_room(Path(error.filename or 'output'), error)}", file=sys.stderr)
        return 3
    return 0
