"""What every stage shares: errors, digests, files, tables, progress, extension points."""
