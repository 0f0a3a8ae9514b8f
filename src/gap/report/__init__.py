"""One self-contained page: summary, figures, tables, limits, parameters, provenance."""
