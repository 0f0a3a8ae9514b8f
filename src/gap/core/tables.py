"""The tables that stages hand to each other: Parquet, long form, one row per observation.

``TABLES`` is the contract: a name, its columns with type and meaning.  ``write_table`` refuses a frame that does not
fit, so a stage can trust what it reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gap.core.checksums import check_record
from gap.core.errors import BadInput
from gap.core.files import ABSENT, DAMAGED, writing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RUN = {
    "model": ("dictionary", "name of the model in params.yaml"),
    "method": ("dictionary", "name of the post-training method"),
    "corpus": ("dictionary", "name of the corpus the text comes from; empty for the unmodified model"),
    "text": ("int32", "index of the text in its corpus, of the first where a run has several; -1 for the unmodified model"),
    "run": ("dictionary", "digest of the run: base model, method, corpus, texts; 'base' for the unmodified model"),
}

#: What names a row of the estimates.
ESTIMATED = {
    "model": ("dictionary", "name of the model in params.yaml"),
    "method": ("dictionary", "name of the post-training method"),
    "policy": ("dictionary", "how the step was chosen: a registered policy, fixed_step, split_half; in effects also validation_test"),
    "task": ("dictionary", "task name, or classification / dialogue / every_task for unweighted averages over tasks"),
}
#: A difference in points with its interval.
INTERVAL = {
    "runs": ("int32", "runs, or pairs of runs, behind the row"),
    "items": ("int32", "items of its tasks"),
    "difference": ("double", "mean difference, points"),
    "standard_error": ("double", "of it, over runs and items; over items alone for one run"),
    "low": ("double", "lower end of the interval; NaN where nothing varies"),
    "high": ("double", "upper end"),
    "interval": ("dictionary", "two-way bootstrap; or, where that is not to be trusted, t, fewer than 10 runs, or t over items, one run"),
}

TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "texts": {
        "corpus": ("dictionary", "name of the corpus"),
        "text": ("int32", "index in the corpus, from 0"),
        "string": ("string", "the text itself"),
        "tokens": ("int32", "length by the tokenizer the corpus was cut with, without special tokens"),
        "source": ("dictionary", "where the document came from"),
        "document": ("string", "identity of the document in its source"),
        "hash": ("string", "digest of the text"),
    },
    "text_features": {
        "model": ("dictionary", "name of the base model, which is not updated"),
        "corpus": ("dictionary", "name of the corpus"),
        "text": ("int32", "index of the text in its corpus"),
        "id": ("dictionary", "digest of what determines the text's token ids: corpus, tokenizer, index"),
        "weights": ("dictionary", "digest of the model's weights"),
        "feature": ("dictionary", "name of the feature, e.g. nll or cosine (gap.describe.features)"),
        "task": ("dictionary", "task, or group of tasks, whose gradient a cosine is taken with; empty for features of the text alone"),
        "basis": ("dictionary", "digest of the task's items; empty where no single task is concerned"),
        "value": ("double", "the feature; NaN where the text has none (too short for an n-gram)"),
    },
    "trajectories": {
        **RUN,
        "step": ("int32", "real updates done after this row; 0 is the unmodified model"),
        "epoch": ("int32", "updates tried, skipped ones included; the authors, who count from 0, print one less"),
        "real": ("bool", "whether the weights were updated (false: the loss scaler skipped it; step 0: false)"),
        "loss": ("double", "mean token NLL (nats) of the run's texts before this update; NaN in row 0"),
        "grad_norm": ("double", "L2 norm of the objective's unscaled gradient over all weights; NaN in row 0 and where none is taken"),
        "update_norm": ("double", "L2 norm of the change of all weights by this update; 0 in row 0"),
        "changed_fraction": ("double", "share of weights whose bits changed by this update"),
        "distance": ("double", "L2 norm of the difference between the weights that are scored and the base weights"),
        "trained_distance": ("double", "the same before transforms; for a combination of runs the mean of theirs"),
        "loss_scale": ("double", "scale in force for this update; 1 without a scaler"),
        "diverged": ("bool", "loss or gradient not finite: the run stops here, the weights are those of the last real step"),
        "digest": ("string", "digest of all weights after this row, as they are scored"),
        "seconds": ("double", "wall time of this update"),
    },
    "item_scores": {
        **RUN,
        "step": ("int32", "real updates done; 0 is the unmodified model"),
        "task": ("dictionary", "task name, e.g. piqa"),
        "split": ("dictionary", "validation or test"),
        "item": ("int32", "position among the items that the protocol keeps, from 0"),
        "item_hash": ("string", "digest of the item's context, continuations and gold"),
        "gold": ("int32", "index of the right continuation; -1 for dialogue"),
        "prediction": ("int32", "index of the best continuation, the first on ties; -1 for dialogue"),
        "correct": ("bool", "prediction == gold; false for dialogue"),
        "log_probabilities": ("list<double>", "sum of token log-probabilities (nats) per continuation; empty for dialogue"),
        "response": ("string", "greedy answer, cut at the next speaker; empty for multiple choice"),
        "f1": ("double", "unigram F1 of the response; NaN for multiple choice"),
        "nll": ("double", "summed NLL (nats) of the reference answer; NaN for multiple choice"),
        "tokens": ("int32", "tokens of the reference answer; 0 for multiple choice"),
    },
    "run_scores": {
        **RUN,
        "step": ("int32", "real updates done; 0 is the unmodified model"),
        "task": ("dictionary", "task name, or classification / dialogue / all for averages over tasks"),
        "split": ("dictionary", "validation or test"),
        "metric": ("dictionary", "acc, f1, nll (mean per token), or mean (of the two group averages, task all)"),
        "value": ("double", "the metric, as a fraction (nats for nll)"),
        "items": ("int32", "items behind the value"),
    },
    "published_rows": {
        "group": ("dictionary", "classification or dialogue: the file the row stands in"),
        "row": ("int32", "position of the row in the authors' file, from 0"),
        "model": ("dictionary", "350M, 1.3B or 2.7B"),
        "corpus": ("dictionary", "TDEC, CC or Git."),
        "text": ("int32", "index of the text in its corpus"),
        "repeat": ("int32", "0 for the first row of a run, 1 for a repeat of it, and so on"),
        "epoch": ("int32", "printed epoch of the best average; 0 is the unmodified model"),
        "task": ("dictionary", "task name, e.g. piqa"),
        "value": ("double", "accuracy or unigram F1 at that epoch, as a fraction"),
        "baseline": ("double", "the same of the unmodified model, by the epoch-0 rows of its own model and corpus where there are any"),
        "items": ("int32", "items behind the value"),
    },
    "selections": {
        **RUN,
        "policy": ("dictionary", "how the step was chosen: best, authors, last"),
        "group": ("dictionary", "classification or dialogue"),
        "split": ("dictionary", "split the step was chosen and scored on"),
        "step": ("int32", "the chosen step"),
        "value": ("double", "average over the group's tasks at that step"),
        "baseline": ("double", "the same of the unmodified model"),
        "gain": ("double", "value - baseline"),
    },
    "effects": {
        **ESTIMATED,
        "corpus": ("dictionary", "name of the corpus, or all"),
        "baseline": ("double", "score of the unmodified model, points"),
        **INTERVAL,
        "p": ("double", "two-sided paired sign-flip permutation test over runs, items as they are; NaN for one run"),
        "p_holm": ("double", "the same, corrected by Holm over the tasks; NaN for averages"),
        "p_bh": ("double", "the same, by Benjamini and Hochberg"),
        "mcnemar_p": ("double", "exact McNemar test of the answers of most runs, classification tasks; NaN elsewhere and for split_half"),
        "mcnemar_holm": ("double", "the same, corrected by Holm over the tasks"),
        "flip_rate": ("double", "share of items whose score changed, mean over runs"),
        "detectable": (
            "double",
            "smallest true difference that a two-sided test at 5 % finds with 80 % power, points; NaN where nothing varies",
        ),
        "power": ("double", "power of that test if the difference found were the true one; likewise"),
    },
    "leave_one_out": {
        **ESTIMATED,
        "left_out": ("dictionary", "the task that the average is without"),
        **INTERVAL,
    },
    "selection_bias": {**ESTIMATED, **INTERVAL},
    "expected_maxima": {
        **ESTIMATED,
        "k": ("int32", "number of runs of which the best is taken"),
        "difference": ("double", "expected largest of k differences to the unmodified model, points"),
    },
    "paired_differences": {
        **ESTIMATED,
        "corpus": ("dictionary", "name of the corpus, or all"),
        **INTERVAL,
        "p": ("double", "two-sided paired sign-flip permutation test over pairs; NaN for one pair"),
        "p_holm": ("double", "the same, corrected by Holm over the other methods"),
    },
    "corpus_interactions": {
        **ESTIMATED,
        "of": (
            "dictionary",
            "gain: of the method over the unmodified model; difference: of the study's own method over this one, same texts",
        ),
        "corpora": ("int32", "corpora compared"),
        "runs": ("int32", "runs, or pairs of runs"),
        "f": ("double", "F of the one-way analysis of variance by corpus; NaN where nothing varies within corpora"),
        "p": ("double", "its p-value"),
    },
    "rescored": {
        **RUN,
        "step": ("int32", "real updates done; 0 is the unmodified model"),
        "task": ("dictionary", "task name, e.g. piqa"),
        "split": ("dictionary", "validation or test"),
        "metric": (
            "dictionary",
            "acc, acc_norm, brier_score, ece; f1, f1_equal_length and f1_equal_length_base, words, distinct_1, distinct_2: see gap.estimate.rescore",
        ),
        "value": ("double", "the metric, as a fraction, brier_score from 0 to 2, words as a mean; NaN where answers hold no n-gram"),
        "items": ("int32", "items behind the value"),
    },
    "answer_changes": {
        "model": ("dictionary", "name of the model in params.yaml"),
        "method": ("dictionary", "name of the post-training method"),
        "task": ("dictionary", "task name, e.g. pubmed_qa"),
        "step": ("int32", "real updates done; 0 is the unmodified model"),
        "runs": ("int32", "runs that reached the step, over which value is a mean"),
        "quantity": (
            "dictionary",
            "choice N: share of items answered so; score at the first shares: accuracy re-weighted to step 0's shares of choices; words: per answer; same length, gain at ...: see gap.estimate.answers",
        ),
        "value": ("double", "shares as fractions, scores and gains in points; NaN where no item is left"),
    },
}


def schema(name: str) -> pa.Schema:
    """The Arrow schema of table ``name``; each field's metadata holds its meaning."""
    import pyarrow as pa

    kinds = {
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "int32": pa.int32(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "list<double>": pa.list_(pa.float64()),
    }
    fields = [
        pa.field(column, kinds[kind], nullable=False, metadata={"description": meaning}) for column, (kind, meaning) in TABLES[name].items()
    ]
    return pa.schema(fields)


#: Key of a table's metadata that holds the number of its rows: page checksums do not cover the footer that counts them.
ROWS = "rows"


def write_table(frame: pd.DataFrame, path: Path, name: str) -> None:
    """Write ``frame`` as table ``name`` (Parquet, zstd), in one step.

    Raises
    ------
    BadInput: a column is missing, unknown, or of another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(TABLES[name])
    if set(frame.columns) != set(columns):
        raise BadInput(str(path), f"columns {sorted(frame.columns)}", f"columns {sorted(columns)}", f"Mend what makes table {name}.")
    for field in schema(name):  # pyarrow would cut them off without a word
        if pa.types.is_integer(field.type) and frame[field.name].dtype.kind == "f" and (frame[field.name].dropna() % 1).any():
            raise BadInput(str(path), f"fractions in column {field.name!r}", "whole numbers", f"Mend what makes table {name}.")
    try:
        arrays = [pa.array(frame[field.name].tolist(), type=field.type, from_pandas=field.type != pa.float64()) for field in schema(name)]
        table = pa.Table.from_arrays(arrays, schema=schema(name))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise BadInput(str(path), f"a value of the wrong type ({error})", f"the types of table {name}", "Mend what makes it.") from error
    for column in columns:
        if table[column].null_count:
            raise BadInput(
                str(path),
                f"{table[column].null_count} empty value(s) in column {column!r}",
                "a value in every row",
                f"Mend what makes table {name}.",
            )
    table = table.replace_schema_metadata({ROWS: str(len(table))})
    with writing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_table(path: Path, name: str, columns: list[str] | None = None, filters: list[tuple] | None = None) -> pd.DataFrame:
    """Read table ``name``; dictionary columns come back as plain strings.

    Raises
    ------
    BadInput: the file is missing, not Parquet, lacks a column, holds another type there, or is not the one of its record.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_record(path)
    columns = columns or list(TABLES[name])
    try:
        table = pq.read_table(path, columns=columns, filters=filters, page_checksum_verification=True)
        missing = [column for column in columns if column not in table.column_names]
        if missing:
            raise BadInput(str(path), f"no column {missing[0]!r}", f"columns {columns}", "Remove the file and run again.")
        fields = {field.name: field for field in table.schema}
        other = [field.name for field in schema(name) if field.name in fields and fields[field.name].type != field.type]
        if other:
            found = f"column {other[0]!r} of type {fields[other[0]].type}"
            raise BadInput(str(path), found, f"the types of table {name}", "Remove the file and run again.")
        rows = (table.schema.metadata or {}).get(ROWS.encode())
        if rows is not None and filters is None and int(rows) != len(table):
            raise BadInput(str(path), f"{len(table)} rows", f"the {int(rows)} that were written", "Remove the file and run again.")
        plain = [pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema]
        return table.cast(pa.schema(plain)).to_pandas()
    except FileNotFoundError as error:
        raise BadInput(str(path), "no such file", f"table {name}", ABSENT) from error
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        found = f"not a readable Parquet file ({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__})"
        raise BadInput(str(path), found, f"table {name}", DAMAGED) from error
