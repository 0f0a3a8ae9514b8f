"""Reproduction of Gradient Ascent Post-training (GAP) as a Snakemake + DVC pipeline.

One package per stage of the chain, in the order of the data:
``tasks``, ``fetch``, ``corpora``, ``models``, ``posttrain``, ``evaluate``, ``aggregate``, ``checkpoints``,
``figures``, ``report``.  ``core`` and ``params`` serve all of them, ``plan`` knows which files exist, ``cli`` calls
everything.  No stage imports a later one (tests/test_structure.py holds the code to it).

The public API (``gap.api``) is loaded when one of its names is first asked for, so that ``import gap`` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gap.api import Model, Study, generate, open_model, post_train, read_study, restore, score

__version__ = "0.1.0"
__all__ = ["Model", "Study", "__version__", "generate", "open_model", "post_train", "read_study", "restore", "score"]


def __getattr__(name: str) -> Any:
    """A name of the public API."""
    if name in __all__:
        return getattr(import_module("gap.api"), name)
    raise AttributeError(f"module 'gap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
