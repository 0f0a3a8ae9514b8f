"""The paper's claims judged by rules: what is planted is found, nothing is found where nothing is, and little data decide nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from simulated import Simulation, simulate

from gap.core.errors import BadInput
from gap.estimate.verdicts import verdicts
from gap.params.preregistration import FILE, Preregistration
from gap.params.preregistration_file import check_preregistered, read_preregistration

ROOT = Path(__file__).resolve().parents[2]


def rules(**changes: Any) -> Preregistration:
    default = yaml.safe_load((ROOT / FILE).read_text(encoding="utf-8"))["default"]
    default["steps"]["bound"] = 2
    return Preregistration.model_validate(default | changes)


def judged(claim: str, of: Simulation, reading: str = "all", **changes: Any) -> dict[str, Any]:
    return verdicts(simulate(of), rules(**changes))["claims"][claim]["models"]["tiny"][reading]


def everywhere(size: float) -> Any:
    return lambda corpus, steps: np.full(len(steps), size)


def test_a_planted_gain_is_supported_and_a_loss_is_not() -> None:
    gain = judged("gain", Simulation(shift=everywhere(0.3)))
    assert gain["verdict"] == "supported" and gain["low"] > 0 and gain["p_for"] < 0.025 and gain["runs_needed"] is None
    assert (
        judged(
            "gain",
            Simulation(shift=everywhere(-0.6), fixed_step=1),
            gain={"policy": "last", "average": "every_task", "minimum_runs": 10, "threshold": 0.0},
        )["verdict"]
        == "not supported"
    )


def test_no_gain_is_undecided_and_a_gain_below_the_threshold_is_not_supported() -> None:
    nothing = judged("gain", Simulation())
    assert nothing["verdict"] == "undecided" and nothing["p_for"] > 0.025
    assert (
        judged(
            "gain",
            Simulation(shift=everywhere(0.3)),
            gain={"policy": "last", "average": "every_task", "minimum_runs": 10, "threshold": 30.0},
        )["verdict"]
        == "not supported"
    )


def test_few_runs_decide_nothing_and_the_runs_it_would_take_are_named() -> None:
    row = judged("gain", Simulation(texts=3, shift=everywhere(0.3)))
    assert row["verdict"] == "undecided" and "10 are required" in row["reason"] and row["runs_needed"] >= 10
    without = judged("gain", Simulation(texts=3, shift=everywhere(0.3)), reading="without texts 0")
    assert without["runs"] == 4


def test_what_it_would_take_is_said_where_it_is_known() -> None:
    """Twenty items that move together decide little; of one run, or of a mean that equals its bound, nobody knows what would."""
    items = judged("gain", Simulation(tasks=(("piqa", 20),), texts=6, item=0.5, run=0.01))
    assert items["runs_needed"] is None and "more items, not more runs" in items["reason"]
    one = judged("gain", Simulation(texts=1, corpora=("seen",)))
    level = judged("gain", Simulation(run=0, item=0, cell=0))
    assert (one["runs_needed"], one["reason"]) == (None, "1 runs, and 10 are required")
    assert (level["estimate"], level["runs_needed"], level["reason"]) == (0.0, None, "the data allow both")


def test_level_with_a_larger_model() -> None:
    level = judged("larger", Simulation(ahead=0.2, shift=everywhere(0.6), tasks=(("piqa", 300), ("blended_skill_talk", 300))))
    assert level["verdict"] == "supported" and level["against"] == "huge" and level["bound"] == -1
    assert judged("larger", Simulation(ahead=1.5))["verdict"] == "not supported"
    assert "no larger model" in judged("larger", Simulation(references=()))["reason"]


def test_the_last_corpus_gains_most() -> None:
    def only(name: str) -> Any:
        return lambda corpus, steps: np.full(len(steps), 0.5 * (corpus == name))

    shape = {"texts": 12, "corpora": ("seen", "prose", "code")}
    assert judged("corpora", Simulation(**shape, shift=only("code")))["verdict"] == "supported"
    against = judged("corpora", Simulation(**shape, shift=only("seen")))
    assert against["verdict"] == "not supported" and against["against"] == "seen"
    assert judged("corpora", Simulation(corpora=("code",)))["reason"] == "no other corpus"


def test_the_corpora_of_a_claim_may_be_named() -> None:
    def rule(corpus: str, *others: str) -> dict[str, Any]:
        entry = {"policy": "last", "average": "every_task", "minimum_runs": 10, "corpus": corpus, "others": list(others), "threshold": 0.0}
        return {"corpora": entry}

    ranks = {"seen": 0.0, "prose": 0.3, "code": 0.6}
    shape = Simulation(texts=12, corpora=tuple(ranks), shift=lambda corpus, steps: np.full(len(steps), ranks[corpus]))
    assert judged("corpora", shape, **rule("prose"))["verdict"] == "not supported"
    among = judged("corpora", shape, **rule("prose", "prose", "seen"))
    assert among["verdict"] == "supported" and among["against"] == "seen"
    assert judged("corpora", shape, **rule("prose", "verse"))["reason"] == "no corpus verse"


def test_steps_beyond_the_bound() -> None:
    early = judged("steps", Simulation(steps=4, texts=12, item=0, shift=lambda corpus, steps: np.where(steps <= 2, 0.5, 0.0)))
    assert early["verdict"] == "supported" and early["policy"] == "step 2"
    late = judged("steps", Simulation(steps=4, texts=12, item=0, shift=lambda corpus, steps: 0.3 * steps))
    assert late["verdict"] == "not supported" and late["against"] == "step 4"
    assert judged("steps", Simulation(steps=2))["reason"] == "no step beyond 2 was scored"


def test_where_all_steps_lose_the_best_of_them_decides_and_not_the_unmodified_model() -> None:
    shape = {"steps": 4, "texts": 12, "item": 0.001, "run": 0.001, "cell": 0.001}
    later = judged("steps", Simulation(**shape, shift=lambda corpus, steps: np.select([steps == 0, steps <= 3], [0.0, -0.2], -0.199)))
    assert -0.25 < later["estimate"] < 0 and (later["verdict"], later["runs_needed"]) == ("undecided", None)
    assert later["reason"] == "a later step has the better mean"
    earlier = judged("steps", Simulation(**shape, shift=lambda corpus, steps: np.select([steps == 0, steps <= 2], [0.0, -0.2], -0.3)))
    assert earlier["verdict"] == "supported"


def test_a_verdict_that_hangs_on_one_task_says_so() -> None:
    """All of COPA turns right, and nothing else happens."""
    samples = simulate(Simulation(texts=10, run=0.01, item=0, cell=0.02))
    scores = samples.cubes["tiny", "up"].scores["copa"]
    scores[:, 0], scores[:, 1:], samples.bases["tiny"]["copa"][:] = 0, 100, 0
    rule = {"policy": "last", "average": "every_task", "minimum_runs": 10, "threshold": 1.0}
    found = verdicts(samples, rules(gain=rule))["claims"]["gain"]["models"]["tiny"]
    assert found["all"]["verdict"] == "supported" and found["all"]["other_verdict_without"] == ["copa"]
    assert "other_verdict_without" not in found["without texts 0"]


@pytest.mark.slow
def test_under_no_effect_claims_are_seldom_supported() -> None:
    """Corrected over two models, at most 2.5 % of studies support a claim that is false: of 60, five would be far too many."""
    tasks = (("piqa", 60), ("blended_skill_talk", 40))
    plain = {"policy": "last", "average": "every_task", "minimum_runs": 10}
    rule = {"gain": plain | {"threshold": 0.0}, "corpora": plain | {"corpus": "", "others": [], "threshold": 0.0}, "without": {"texts": []}}
    found = {"gain": 0, "corpora": 0}
    for seed in range(60):
        samples = simulate(Simulation(subjects=("tiny", "big"), texts=10, steps=1, tasks=tasks, seed=seed))
        claims = verdicts(samples, rules(**rule))["claims"]
        for claim in found:
            found[claim] += any(row["all"]["verdict"] == "supported" for row in claims[claim]["models"].values())
    assert max(found.values()) <= 5


def test_rules_for_a_study_that_is_none_are_refused(tmp_path: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    check_preregistered(params["studies"], ROOT / FILE)
    check_preregistered(params["studies"], tmp_path / "none.yaml")
    (tmp_path / FILE).write_text("studies: {smal: {steps: {bound: 2}}}\n")
    with pytest.raises(BadInput, match=r"key 'studies.smal': no study of that name.*'small'"):
        check_preregistered(params["studies"], tmp_path / FILE)


def test_the_shipped_rules_are_read_by_study(tmp_path: Path) -> None:
    assert read_preregistration("demo", ROOT / FILE)["steps"]["bound"] == 2
    assert read_preregistration("paper", ROOT / FILE)["steps"]["bound"] == 15
    assert read_preregistration("demo", tmp_path / "none.yaml") == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha: 0.05", "alpha: 0.6", "key 'alpha' .*less than 0.5"),
        ("alpha: 0.05", "beta: 0.05", "key 'alpha' .*nothing"),
        ("correction: holm", "correction: bonferroni", "'bonferroni'.*holm"),
        ("texts: [0]", "text: [0]", "without.texts"),
        ("studies:", "study:", "unknown key 'study'.*'default' and 'studies'"),
        ("  demo:", "  demo: 3\n  other:", "a mapping"),
    ],
)
def test_other_rules_are_refused_with_place_and_cure(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (ROOT / FILE).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "preregistration.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_preregistration("demo", path)


def test_rules_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes("# Größe\n".encode("latin-1"))
    with pytest.raises(BadInput, match=r"preregistration\.yaml: not UTF-8"):
        read_preregistration("demo", path)
