"""What a post-training method is made of, each part chosen by name in params.yaml.

direction     which way a run goes: up the loss (GAP), down it, in turn, up while another text is retained, or anywhere
objective     the loss whose gradient is taken
optimizer     how a gradient becomes a step
rates         what share of the learning rate each layer gets
transforms    what is done to the finished change of the weights
combination   how many runs become one checkpoint

A module of one of these folders registers a settings class and a function; nothing else names it (docs/extending.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from gap.core.registry import Registry

#: (settings, ``TrainingRun``) -> a ``StepResult`` per update (``gap.methods.training``).
DIRECTIONS: Registry[Callable[..., Iterator[Any]]] = Registry("gap.methods.directions")
#: (settings, mean token NLL, logits [n, vocabulary] in fp32, targets int64 [n], number of the update from 1) -> the loss, a scalar.
OBJECTIVES: Registry[Callable[..., Any]] = Registry("gap.methods.objectives")
#: (settings, parameter groups with their learning rates) -> a torch optimizer; its parameters are flat slices of the weights.
OPTIMIZERS: Registry[Callable[..., Any]] = Registry("gap.methods.optimizers")
#: (settings, ``Depth`` of a tensor) -> share of the learning rate.
RATES: Registry[Callable[..., float]] = Registry("gap.methods.rates")
#: (settings, ``Difference``) -> None; changes the difference in place.
TRANSFORMS: Registry[Callable[..., None]] = Registry("gap.methods.transforms")
#: (settings, number of runs) -> the runs' coefficients.
COMBINATIONS: Registry[Callable[..., list[float]]] = Registry("gap.methods.combinations")

REGISTRIES: tuple[Registry[Any], ...] = (DIRECTIONS, OBJECTIVES, OPTIMIZERS, RATES, TRANSFORMS, COMBINATIONS)
