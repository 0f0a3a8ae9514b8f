"""Getting public data once, at pinned revisions; everything after this stage works offline."""
