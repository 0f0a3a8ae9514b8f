"""Where a result comes from: the jobs behind a file, and a finished study as a Workflow Run RO-Crate."""
