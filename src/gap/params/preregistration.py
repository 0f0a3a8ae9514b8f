"""preregistration.yaml: by which rules the paper's claims are judged, fixed before the results are seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from gap.core.errors import BadInput
from gap.core.settings import Settings

FILE = Path("preregistration.yaml")
SUPPORTED, NOT_SUPPORTED, UNDECIDED = "supported", "not supported", "undecided"
#: The paper's claims in its order, by the names that their rules have.
CLAIMS = {
    "gain": "A few steps raise the average score",
    "larger": "Post-training brings a model level with the next larger one",
    "corpora": "Out-of-distribution text gains most",
    "steps": "A few updates are enough",
}
Average = Literal["every_task", "classification", "dialogue"]


class Judged(Settings):
    """What all claims have."""

    average: Average = Field(description="Over which tasks the score is averaged, unweighted.")
    minimum_runs: int = Field(ge=2, description="With fewer runs, or pairs of runs, the claim is undecided.")


class Rule(Judged):
    """A claim about the step that a policy chooses."""

    policy: str = Field(description="Which step of a run counts: best, authors, last, split_half, fixed_step, or a registered one.")


class GainRule(Rule):
    """Claim 1: the mean gain over the unmodified model is above ``threshold`` points."""

    threshold: float


class LargerRule(Rule):
    """Claim 2: the score after post-training is not below the larger model's by ``margin`` points or more."""

    margin: float = Field(ge=0)
    larger: dict[str, str] = Field(description="Subject -> larger model; the next of the study, where none is named.")


class CorpusRule(Rule):
    """Claim 3: the gain on ``corpus`` is above that on each of ``others`` by more than ``threshold`` points."""

    corpus: str = Field(description="Empty: the study's last corpus, the least familiar one by its order.")
    others: list[str] = Field(description="Empty: all other corpora of the study.")
    threshold: float


class StepsRule(Judged):
    """Claim 4: the best step lies at or below ``bound``, and stopping there loses less than ``margin`` points against each later step."""

    bound: int = Field(ge=1)
    margin: float = Field(ge=0)


class Without(Settings):
    """What the second reading leaves out."""

    texts: list[int] = Field(description="Indices of texts, in every corpus.")


class Preregistration(Settings):
    """The rules of one study."""

    alpha: float = Field(gt=0, lt=0.5, description="Of a two-sided test; each side has half of it.")
    correction: Literal["holm", "benjamini_hochberg", "none"] = Field(description="Of a claim's p-values, over models.")
    power: float = Field(gt=0.5, lt=1, description="For which missing runs are counted.")
    fixed_step: int = Field(ge=1, description="The step of policy fixed_step.")
    without: Without
    gain: GainRule
    larger: LargerRule
    corpora: CorpusRule
    steps: StepsRule

    @property
    def readings(self) -> dict[str, frozenset[int]]:
        """The texts that each reading of the data leaves out, by its name: none, and those that the rules name."""
        texts = sorted(self.without.texts)
        return {"all": frozenset()} | ({f"without texts {', '.join(map(str, texts))}": frozenset(texts)} if texts else {})


def claims_to_judge() -> dict[str, dict[str, Any]]:
    """Claim -> number and words, and by model the verdicts that are still to be given: the form of verdicts.json."""
    return {claim: {"number": number, "claim": words, "models": {}} for number, (claim, words) in enumerate(CLAIMS.items(), 1)}


def check(rules: Any, study: str, where: str = str(FILE)) -> Preregistration:
    """``rules`` as settings.

    Raises
    ------
    BadInput: a rule is missing, unknown or has a wrong value; or there are none.
    """
    if not rules:
        raise BadInput(where, "no rules", "the rules by which the paper's claims are judged", "Restore the file from the repository.")
    try:
        return Preregistration.model_validate(rules)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        found = "nothing" if first["type"] == "missing" else repr(first["input"])
        allowed = "a value" if first["type"] == "missing" else first["msg"]
        raise BadInput(f"{where}, key '{key}' (study {study})", found, allowed, "Correct it there, or under `default`.") from error
