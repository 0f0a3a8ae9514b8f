"""What the study makes, by name; light, because the Snakefile reads it."""

from __future__ import annotations

from gap.published.names import CORPORA, FILES

#: The authors' files, at their own relative paths.
RESULTS = tuple(f"full_results/{name}" for name in FILES.values())
TEXTS = tuple(f"data/train_data/{name}" for name in CORPORA.values())
#: Where page.md's links to the figures lead from results/STUDY.
FIGURES_LINK = "../../figures"
#: Figures and tables in the order of the page.
FIGURES = (
    "figure1_dialogue", "figure1_classification", "gain_by_corpus", "task_heatmap", "gap_closed", "text_features_dialogue",
    "text_features_classification", "best_step", "published_gains", "published_null_gains", "published_null_curve", "published_two_groups",
    "published_power",
)  # fmt: skip
TABLES = (
    "verdicts", "by_corpus_dialogue", "by_corpus_classification", "by_task", "larger_models", "familiarity", "familiarity_pairs",
    "text_features_dialogue", "text_features_classification", "best_step", "published_gains", "published_epochs", "published_repeats",
    "published_granularity", "published_selection", "published_two_groups", "published_power",
)  # fmt: skip
