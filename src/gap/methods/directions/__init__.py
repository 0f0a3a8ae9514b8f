"""Which way a run goes; one module each."""
