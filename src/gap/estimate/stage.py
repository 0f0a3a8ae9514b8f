"""The stage: reads the item scores and selections of a finished study, writes estimates and verdicts."""

from __future__ import annotations

from typing import Any

from gap.aggregate.study_index import study_index
from gap.core.files import write_json
from gap.core.tables import read_table, write_table
from gap.estimate.answers import answer_changes
from gap.estimate.controls import corpus_interactions, paired_differences
from gap.estimate.effects import effects, expected_maxima, leave_one_out, selection_bias
from gap.estimate.samples import read_samples
from gap.estimate.verdicts import verdicts
from gap.params.preregistration import check

#: Table -> what makes it.
MAKERS = {
    "effects": effects,
    "leave_one_out": leave_one_out,
    "selection_bias": selection_bias,
    "expected_maxima": expected_maxima,
    "paired_differences": paired_differences,
    "corpus_interactions": corpus_interactions,
    "answer_changes": answer_changes,
}


def estimate(plan: dict[str, Any]) -> None:
    """Write the tables of ``MAKERS`` and verdicts.json to the places in ``plan["light"]``.

    Raises
    ------
    BadInput: there are no rules in preregistration.yaml, or a table is missing.
    """
    study = study_index(plan)
    rules = check(plan.get("settings", {}).get("preregistration"), study.name)
    selections = read_table(study.path("selections"), "selections")
    samples = read_samples(study, selections, rules.fixed_step, 1 - rules.alpha)
    for name, make in MAKERS.items():
        write_table(make(samples), study.path(name), name)
    write_json(study.path("verdicts"), verdicts(samples, rules))
