"""The authors' models, corpora and tasks as their files name them; light, because plans read it."""

from __future__ import annotations

from dataclasses import dataclass

#: Small to large, as the column ``model`` names them, with their ids on the hub.
HUB_IDS = {"350M": "facebook/opt-350m", "1.3B": "facebook/opt-1.3b", "2.7B": "facebook/opt-2.7b"}
MODELS = tuple(HUB_IDS)
#: By falling familiarity, as the column ``corpora`` names them, with the file of each corpus's texts.
CORPORA = {"TDEC": "lm_extraction.csv", "CC": "pile-cc.csv", "Git.": "github.csv"}
#: Sources of kind ``authors`` in params.yaml -> the corpora's names here.
SOURCES = {"TDEC": "TDEC", "CC": "CC", "Git": "Git."}
FILES = {"classification": "classification.csv", "dialogue": "dialog.csv"}


@dataclass(frozen=True)
class Task:
    """A task of the authors' evaluation: ``column`` of their file, ``label`` in tables and sentences, number of ``items``.

    They took the first 320 items, fewer where the set or the filter leaves fewer.
    """

    column: str
    label: str
    items: int = 320


#: Group -> task names of this project, in the order of the columns of the group's file.
GROUPS = {
    "classification": {
        "arc_challenge": Task("ai2_arc_ARC-Challenge/acc", "ARC-Challenge", 295),
        "arc_easy": Task("ai2_arc_ARC-Easy/acc", "ARC-Easy"),
        "hellaswag": Task("hellaswag/acc", "HellaSwag"),
        "math_qa": Task("math_qa/acc", "MathQA"),
        "piqa": Task("piqa/acc", "PIQA"),
        "pubmed_qa": Task("pubmed_qa/acc", "PubMedQA"),
        "copa": Task("super_glue_copa/acc", "COPA", 100),
        "winogrande": Task("winogrande_winogrande_s/acc", "WinoGrande"),
    },
    "dialogue": {
        "blended_skill_talk": Task("blended_skill_talk/f1", "Blended Skill Talk"),
        "empathetic_dialogues": Task("empathetic_dialogues/f1", "Empathetic Dialogues"),
        "wizard_of_internet": Task("wizard_of_internet/f1", "Wizard of Internet"),
        "wizard_of_wikipedia": Task("wizard_of_wikipedia/f1", "Wizard of Wikipedia"),
    },
}
TASKS = GROUPS["classification"] | GROUPS["dialogue"]
RUN = ("model", "corpus", "index")
