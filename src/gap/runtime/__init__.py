"""Where the work runs: devices, GPU locks, and processes that share one model."""
