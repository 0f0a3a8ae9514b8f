"""PubMedQA (Jin et al. 2019): whether an abstract answers a question with yes, no or maybe."""

from __future__ import annotations

from gap.tasks.registry import TASKS
from gap.tasks.task import TEXT, Choices, Row, Task
from gap.tasks.wording import position, spaced

ANSWERS = ("yes", "maybe", "no")


@TASKS.register(
    Task(
        name="pubmed_qa",
        label="PubMedQA",
        chance=1 / 3,
        fields={"abstract": TEXT, "question": TEXT, "final_decision": TEXT},
        columns=("pubid", "question", "abstract", "long_answer", "final_decision"),
        # the authors' own 500 rows with their `abstract` column, not the hub's pqa_labeled
        upstream=(("validation", "data/validation_data/pubmed_qa.csv"),),
        prefer_upstream=True,
    )
)
def pubmed_qa(row: Row) -> Choices:
    """An abstract and a question, then yes, maybe or no, in the authors' order."""
    context = f"Context: {row['abstract']}\nQuestion: {row['question']}\nAnswer:"
    return context, spaced(*ANSWERS), position(row["final_decision"], ANSWERS)
