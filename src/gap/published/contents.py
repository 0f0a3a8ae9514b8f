"""What the study makes, by name; light, because the Snakefile reads it."""

from __future__ import annotations

#: The authors' files, at their own relative paths.
RESULTS = ("full_results/classification.csv", "full_results/dialog.csv")
TEXTS = ("data/train_data/lm_extraction.csv", "data/train_data/pile-cc.csv", "data/train_data/github.csv")
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
