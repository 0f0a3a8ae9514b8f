"""What UTF-8 can hold."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold a text; half of a surrogate pair stands for a byte of a file's name that is not UTF-8, or is damage."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
