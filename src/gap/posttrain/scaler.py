"""The dynamic loss scaler of fp16 training, with torch's constants (``torch.amp.GradScaler``'s defaults).

Written out because gradients may stay on the host (``gap.posttrain.parameter_buckets``), where torch's own scaler, which
reads them at the weights, cannot see them.  Scales are powers of two, so scaling and unscaling lose no bit.
"""

from __future__ import annotations

BACKOFF, GROWTH, INTERVAL = 0.5, 2.0, 2000


class LossScaler:
    """``scale`` multiplies the loss; it stays 1 where the scaler is not ``enabled``."""

    def __init__(self, first: float, *, enabled: bool) -> None:
        self.scale, self.enabled = first if enabled else 1.0, enabled
        self.clean = 0

    def update(self, *, overflowed: bool) -> None:
        """Halve behind an update whose gradient overflowed (it is skipped); double behind 2000 clean ones in a row."""
        if not self.enabled:
            return
        if overflowed:
            self.scale, self.clean = self.scale * BACKOFF, 0
            return
        self.clean += 1
        if self.clean == INTERVAL:
            self.scale, self.clean = self.scale * GROWTH, 0
