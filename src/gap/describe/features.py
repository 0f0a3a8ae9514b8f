"""The features of a text by name, in the order of tables and figures."""

from __future__ import annotations

#: Feature of the text alone -> how figures and tables name it.  Each is defined in the module named behind it.
FEATURES = {
    "nll": "token NLL",  # predictions
    "memorisation": "memorisation accuracy",  # predictions
    "extraction": "extraction likelihood",  # extraction
    "entropy": "entropy",  # predictions
    "log_rank": "log rank",  # predictions
    "type_token_ratio": "type-token ratio",  # surface
    "compressed": "compressed size",  # surface
    "tokens": "tokens",  # surface
}
#: The cosine between the text's gradient and a task's (gradients); of a group of tasks, the mean of its tasks' cosines.
COSINE = "cosine"
LABELS = FEATURES | {COSINE: "gradient cosine"}
