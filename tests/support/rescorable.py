"""A made-up study whose items are the shipped miniatures, with log-probabilities and answers drawn at random."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import build
from synthetic_plan import Shape

from gap.aggregate.stage import aggregate
from gap.core.files import read_json
from gap.core.tables import read_table, write_table
from gap.fetch.source_file import source_file
from gap.params.items import Items
from gap.tasks.dialogue import unigram_f1
from gap.tasks.items import Dialogue, load_items
from gap.tasks.registry import TASKS

#: Items as in the miniatures; a task with five choices, one with two, and dialogue.
SHAPE = Shape(
    subjects={"tiny": "0.2M"},
    reference={"huge": "1.2M"},
    corpora=("seen", "code"),
    texts=2,
    updates=3,
    items=12,
    tasks=("piqa", "math_qa", "blended_skill_talk"),
    controls=1,
)
WORDS = ["The", "cat", "is", "here,", "I", "think", "you", "like", "it.", "a", "dog"]


def rescorable(folder: Path, shape: Shape = SHAPE) -> dict[str, Any]:
    """plan.json of the study below ``folder``, aggregated."""
    plan = read_json(build(folder, shape))
    plan["light"] |= {"rescored": f"{folder}/results/rescored.parquet", "rescored_summary": f"{folder}/results/rescored.csv"}
    for task, splits in plan["items"].items():
        for split, path in splits.items():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source_file(Items(kind="miniature"), TASKS[task], split), path)
    for number, entry in enumerate(plan["scores"]):
        items = load_items(entry["task"], Path(plan["items"][entry["task"]][entry["split"]]), shape.items)
        rows = read_table(Path(entry["path"]), "item_scores")
        rows = rows[rows["item"] < len(items)].reset_index(drop=True)
        draw = np.random.default_rng([3, number])
        for at, place in enumerate(rows["item"]):
            item = items[place]
            rows.at[at, "item_hash"] = item.hash
            if isinstance(item, Dialogue):
                said = " ".join(draw.choice(WORDS, draw.integers(0, 9)))
                rows.at[at, "response"], rows.at[at, "f1"] = said, unigram_f1(said, item.reference)
            else:
                sums = draw.normal(-20, 3, len(item.continuations))
                rows.at[at, "log_probabilities"] = sums.tolist()
                rows.at[at, "gold"], rows.at[at, "prediction"] = item.gold, int(sums.argmax())
                rows.at[at, "correct"] = bool(sums.argmax() == item.gold)
        write_table(rows, Path(entry["path"]), "item_scores")
    aggregate(plan)
    return plan
