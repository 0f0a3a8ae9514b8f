"""Scoring a task's items on the checkpoints of a shard of runs."""
