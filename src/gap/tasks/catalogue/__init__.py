"""The tasks, one per module: columns, wording and pinned source.

A module registers its task; nothing else names it (docs/extending.md).
"""
