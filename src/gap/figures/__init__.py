"""Figures (PDF and PNG) and tables (CSV, Markdown, LaTeX) from the light tables of ``gap.aggregate``."""
