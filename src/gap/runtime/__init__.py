"""Where the work runs: devices, GPU locks, processes that share one model, and what they leave: finished units and provenance records."""
