"""Scoring a model that no study names, for ``gap score``: its folder, the settings, and what its tables say."""
