"""Reproduction of Gradient Ascent Post-training (GAP) as a Snakemake + DVC pipeline.

One package per stage of the chain, in the order of the data:
``tasks``, ``fetch``, ``corpora``, ``models``, ``posttrain``, ``evaluate``, ``aggregate``, ``checkpoints``,
``figures``, ``report``.  ``core`` and ``params`` serve all of them, ``plan`` knows which files exist, ``cli`` calls
everything.  No stage imports a later one (tests/test_structure.py holds the code to it).
"""

__version__ = "0.1.0"
