"""Keys: what determines a result changes its path, what only counts or labels does not."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gap.core.errors import BadInput
from gap.figures.registry import FIGURES
from gap.params.load import resolve
from gap.plan.document import heavy_outputs
from gap.plan.document import plan_document as document_of
from gap.plan.light import LightStage, check_records, in_order, light_keys, record_path, records_of, write_record
from gap.plan.plan import Plan
from gap.plan.stages import describe, evaluate, items, light_stages, models, posttrain, tokenizers

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plan(**changes: Any) -> Plan:
    raw = copy.deepcopy(RAW)
    for key, value in changes.items():
        *outer, last = key.split("__")
        place = raw
        for part in outer:
            place = place.setdefault(part.replace("_m", "-m").replace("_s", "-s") if part.startswith("nano") else part, {})
        place[last] = value
    return Plan(resolve(raw))


def plan_document(made: Plan) -> dict[str, Any]:
    return document_of(made, light_stages(made))


def kinds(one: Plan, other: Plan) -> set[str]:
    """Kinds of heavy outputs that `other` needs and `one` does not have."""
    new = set(heavy_outputs(other)) - set(heavy_outputs(one))
    return {"base" if "/base-" in path else path.split("/")[2] for path in new}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gap__learning_rate": 1e-4}, {"runs", "scores"}),
        ({"gap__optimizer__betas": [0.9, 0.99]}, {"runs", "scores"}),
        ({"gap__direction": {"kind": "descent"}}, {"runs", "scores"}),
        ({"jobs__memory": "host"}, set()),
        ({"studies__demo__jobs__tasks_per_job": 1}, set()),
        ({"studies__demo__methods__random__label": "x"}, set()),
        ({"gap__loss_scale": 2.0}, set()),  # the demo runs in fp32: no scaler
        ({"studies__demo__gap__updates": 7}, {"runs", "scores"}),
        ({"studies__demo__evaluate__items": 44}, {"scores", "base"}),
        ({"studies__demo__evaluate__max_length": 128}, {"scores", "base", "features"}),
        ({"studies__demo__evaluate__steps": []}, set()),
        ({"studies__demo__evaluate__steps": [1, 3]}, {"scores"}),
        ({"evaluate__replay_tolerance": 0.1}, set()),
        ({"studies__demo__describe__ngram": 3}, {"features"}),
        ({"studies__demo__describe__gradient_items": 4}, {"features"}),
        ({"describe__gradients_gib": 1.0}, set()),
        ({"gap__max_tokens": 256}, {"features", "runs", "scores"}),
        ({"studies__demo__tasks": ["copa", "piqa"]}, {"features"}),
        ({"seed": 1}, {"models", "corpora", "features", "runs", "scores", "base"}),
        ({"studies__demo__models__nano_s__tokens": 64}, {"models", "features", "runs", "scores"}),
        ({"studies__demo__models__nano_s__label": "S"}, set()),
        ({"studies__demo__models__nano_s__scorer": "plain"}, {"scores"}),
        ({"studies__demo__models__nano_s__scorer": "auto"}, set()),
        ({"studies__demo__corpora__seen__window": 100}, {"corpora", "features", "runs", "scores"}),
        ({"studies__demo__corpora__seen__label": "known"}, set()),
        ({"studies__demo__sources__docs__heldout": 0.2}, {"tokenizers", "models", "corpora", "features", "runs", "scores", "base"}),
        ({"studies__demo__title": "x"}, set()),
    ],
)
def test_a_change_reaches_exactly_what_it_determines(change: dict[str, Any], expected: set[str]) -> None:
    assert kinds(plan(), plan(**change)) == expected


def test_what_is_written_of_a_study_names_the_scorer_only_where_it_is_not_the_default() -> None:
    plain = plan(studies__demo__models__nano_s__scorer="plain")
    assert plan_document(plan()) == plan_document(plan(studies__demo__models__nano_s__scorer="auto"))
    written = {name: entry.get("scorer") for name, entry in plan_document(plain)["study"]["models"].items()}
    assert written == {"nano-s": "plain", "nano-m": None}
    assert (evaluate.plain_flags(plan()), evaluate.plain_flags(plain)) == ([], ["--plain=nano-s"])


def test_scored_steps_stand_in_the_names_of_score_tables_alone() -> None:
    """Not in their keys, so that another list finds what is there; nor in what is written of a study without a list."""
    methods = {"ascent": {"gap": {"updates": 4}}, "short": {"gap": {"updates": 2, "texts": 2}}}
    every, some, more = (plan(studies__demo__methods=methods, studies__demo__evaluate__steps=steps) for steps in ([], [1, 4], [1, 3, 4]))
    assert "steps" not in plan_document(every)["study"]["evaluate"] and plan_document(some)["study"]["evaluate"]["steps"] == [1, 4]
    folders = [{path.rsplit("/", 1)[0] for path in heavy_outputs(made)} for made in (every, some, more)]
    assert folders[0] == folders[1] == folders[2]
    new = set(heavy_outputs(more)) - set(heavy_outputs(some))
    assert new and all("/scores/" in path and "/ascent-texts-" in path for path in new), "the short method has step 1 alone in both"
    assert not any("/base-" in path for path in set(heavy_outputs(some)) - set(heavy_outputs(every)))


def test_a_methods_own_settings_reach_its_own_runs_alone() -> None:
    for change in (
        {"studies__demo__methods__descent__transforms": [{"kind": "lines", "alpha": 0.1, "beta": 0.9}]},
        {"studies__demo__methods__random__gap": {"direction": {"kind": "random", "seed": 2}, "texts": 2}},
        {"studies__demo__methods__soup__transforms": [{"kind": "interpolation", "coefficient": 0.5}]},
    ):
        [method] = [key.split("__")[3] for key in change]
        new = set(heavy_outputs(plan(**change))) - set(heavy_outputs(plan()))
        assert new and all(f"/{method}-texts-" in path for path in new), method


def test_another_method_beside_leaves_the_others_alone() -> None:
    changed = plan(studies__demo__methods__half={"transforms": [{"kind": "interpolation", "coefficient": 0.5}], "gap": {"texts": 2}})
    new = set(heavy_outputs(changed)) - set(heavy_outputs(plan()))
    assert {path.split("/")[2] for path in new} == {"runs", "scores"} and all("/half-texts-" in path for path in new)
    assert set(heavy_outputs(plan())) < set(heavy_outputs(changed))


def test_runs_of_every_method() -> None:
    made = plan(
        studies__demo__methods={"own": {}, "pairs": {"gap": {"texts_per_update": 2}}, "soup": {"combine": {"kind": "soup"}}},
        studies__demo__jobs__texts_per_job=3, studies__demo__gap__texts=5,
    )  # fmt: skip
    shards = [shard for shard in posttrain.shards(made) if shard.model == "nano-s"]
    assert [(shard.method, shard.first, shard.last) for shard in shards] == [
        ("own", 0, 3), ("own", 3, 5), ("pairs", 0, 3), ("soup", 0, 5)]  # fmt: skip
    texts = {(shard.method, shard.first): [run.texts for run in posttrain.runs(made, shard) if run.corpus == "seen"] for shard in shards}
    assert texts["own", 3] == [[[3]], [[4]]]
    assert texts["pairs", 0] == [[[0, 1]], [[2, 3]]]
    assert texts["soup", 0] == [[[0], [1], [2], [3], [4]]]
    runs = [run["run"] for run in plan_document(made)["runs"]]
    assert len(set(runs)) == len(runs) == 3 * (5 + 2 + 1)
    base = [evaluate.job(made, "nano-s", [("copa", "validation")], shard).runs[0].run == "base" for shard in shards]
    assert base == [True, False, False, False]


def test_what_a_run_retains_determines_it_and_no_other() -> None:
    kept = {"gap": {"direction": {"kind": "retain", "corpus": "prose", "weight": 1.0}, "texts": 2}}
    made = plan(studies__demo__methods__kept=kept)
    runs = [run for run in plan_document(made)["runs"] if run["method"] == "kept"]
    retained = {(run["corpus"], run["text"]): (run["retained"]["corpus"], run["retained"]["texts"]) for run in runs}
    assert retained["seen", 1] == retained["code", 1] == ("prose", [[1]])
    assert [retained["prose", text] for text in range(2)] == [("prose", [[1]]), ("prose", [[2]])]
    shard = next(shard for shard in posttrain.shards(made) if shard.method == "kept")
    assert [run.model_dump(mode="json").get("retained") for run in posttrain.runs(made, shard)] == [run["retained"] for run in runs]
    assert {run["run"] for run in plan_document(plan())["runs"]} < {run["run"] for run in plan_document(made)["runs"]}
    assert all("retained" not in run for run in plan_document(plan())["runs"])

    other = plan(studies__demo__methods__kept=kept, studies__demo__corpora__prose__window=100)
    new = {path for path in set(heavy_outputs(other)) - set(heavy_outputs(made)) if "/kept-texts-" in path}
    assert new, "another retained corpus: other runs"
    found = {run["corpus"]: run["run"] for run in plan_document(other)["runs"] if (run["method"], run["text"]) == ("ascent", 0)}
    before = {run["corpus"]: run["run"] for run in plan_document(made)["runs"] if (run["method"], run["text"]) == ("ascent", 0)}
    assert {corpus for corpus in found if found[corpus] != before[corpus]} == {"prose"}
    kept_now = {run["corpus"]: run["run"] for run in plan_document(other)["runs"] if (run["method"], run["text"]) == ("kept", 0)}
    kept_before = {run["corpus"]: run["run"] for run in runs if run["text"] == 0}
    assert not set(kept_now.values()) & set(kept_before.values())


def test_the_text_behind_the_last_of_a_sample_is_the_first() -> None:
    gap = {"direction": {"kind": "retain", "corpus": "prose", "weight": 1.0}, "texts": 4}
    for size, wanted in ((1, [[[1]], [[2]], [[3]], [[0]]]), (2, [[[2, 3]], [[0, 1]]])):
        made = plan(studies__demo__methods__kept={"gap": gap | {"texts_per_update": size}})
        runs = [run for run in plan_document(made)["runs"] if (run["method"], run["corpus"]) == ("kept", "prose")]
        assert [run["retained"]["texts"] for run in runs] == wanted


def test_runs_keep_their_identity_when_more_is_asked_for() -> None:
    soup = {"studies__demo__methods__soup__gap": {}}  # as many texts as the study has
    few = plan(**soup)
    many = plan(studies__demo__gap__texts=9, studies__demo__gap__updates=15, studies__demo__evaluate__items=10, **soup)
    one, other = ({run["run"]: run["method"] for run in plan_document(made)["runs"]} for made in (few, many))
    assert {run for run, method in one.items() if method != "soup"} < set(other)
    # a soup of more runs is another soup
    assert not {run for run, method in one.items() if method == "soup"} & set(other)


def test_described_texts_keep_their_identity_and_folder_whatever_is_asked_for_beside_them() -> None:
    few, many = plan(), plan(studies__demo__gap__texts=9, studies__demo__tasks=["copa"], gap__learning_rate=1.0)
    one, other = (describe.job(made, "nano-s").texts for made in (few, many))
    assert set(one) < set(other) and len(other) == 3 * 9
    paths = [describe.path(made, "nano-s") for made in (few, many)]
    assert paths[0].parent == paths[1].parent and paths[0] != paths[1], "rows of a task that is no longer asked for stay usable"
    assert [task.task for task in describe.job(many, "nano-s").tasks] == ["copa"]
    assert describe.job(plan(studies__demo__describe__gradient_items=0), "nano-s").tasks == []
    covered = {(model, text.corpus, text.text) for model in many.subjects for text in describe.job(many, model).texts}
    assert covered == {(run["model"], run["corpus"], run["text"]) for run in plan_document(many)["runs"]}


def test_tasks_are_those_of_the_first_split() -> None:
    made = plan(study="paper")
    tasks = describe.gradient_tasks(made)
    assert len(tasks) == 12 and {task.split for task in tasks} == {"validation"}
    assert tasks[0].basis == items.key(made, "piqa", "validation")


def test_no_two_outputs_share_a_path_and_none_leaves_the_study() -> None:
    for study in ("demo", "paper"):
        paths = heavy_outputs(plan(study=study)) + [path for stage in light_stages(plan(study=study)) for path in stage.paths]
        assert len(set(paths)) == len(paths)
        assert all(path.split("/")[1] == study for path in paths)


def test_tasks_are_cut_into_groups_of_jobs() -> None:
    made = plan(studies__demo__jobs__tasks_per_job=5)
    groups = evaluate.task_groups(made)
    assert [len(group) for group in groups] == [5, 5, 2] and [pair for group in groups for pair in group] == made.task_splits
    shard = posttrain.shards(made)[0]
    assert [(task.task, task.split) for task in evaluate.job(made, "nano-s", groups[2], shard).tasks] == groups[2]


def make_light(made: Plan) -> dict[str, str]:
    """Every light output and record, empty; the keys."""
    stages = light_stages(made)
    keys = light_keys(stages, plan_document(made)["digest"])
    for stage in stages:
        write_record(record_path(made.results, stage.name, keys[stage.name]))
    return keys


def test_a_light_stages_key_holds_plan_code_and_what_it_needs() -> None:
    made = plan()
    stages = light_stages(made)
    digest = plan_document(made)["digest"]
    keys = light_keys(stages, digest)
    assert len(set(keys.values())) == len(keys) == len(stages)
    assert set(light_keys(stages, "0" * 12).values()).isdisjoint(keys.values())
    other = [
        LightStage(stage.name, stage.outputs, ("gap.core.digest",), stage.needs) if stage.name == "tables" else stage for stage in stages
    ]
    changed = {name for name, key in light_keys(other, digest).items() if key != keys[name]}
    assert changed == {"tables", "report"}
    more = [*stages, LightStage("more", {"more": Path("more.csv")}, ("gap.core.digest",), ("aggregate",))]
    assert {name: key for name, key in light_keys(more, digest).items() if name != "more"} == keys
    assert {name: key for name, key in light_keys(reversed(stages), digest).items()} == keys


def test_another_rule_for_a_claim_makes_the_verdicts_and_what_shows_them_anew_and_no_number(tmp_path: Path) -> None:
    text = (ROOT / "preregistration.yaml").read_text(encoding="utf-8")
    found = []
    for content in (text, text.replace("alpha: 0.05", "alpha: 0.01"), f"# a comment\n{text}"):
        (tmp_path / "preregistration.yaml").write_text(content, encoding="utf-8")
        made = plan()
        digest = plan_document(made)["digest"]
        found.append((digest, light_keys(light_stages(made), digest)))
    assert found[0][0] == found[1][0] and found[0] == found[2]
    moved = {name for name, key in found[1][1].items() if key != found[0][1][name]}
    assert moved >= {"estimate", "figures", "report"} and moved.isdisjoint({"aggregate", "tables", "rescore", "noise"})


def test_stages_come_behind_what_they_need() -> None:
    ordered = [stage.name for stage in in_order(reversed(light_stages(plan())))]
    assert ordered[-1] == "report" and ordered.index("aggregate") < ordered.index("tables") < ordered.index("report")


def test_a_stage_that_is_needed_must_be_there_and_none_waits_for_itself() -> None:
    def stage(name: str, *needs: str) -> LightStage:
        return LightStage(name, {name: Path(name)}, (), needs)

    with pytest.raises(BadInput, match=r"stage one, `needs`: 'estimates'\. Allowed: light stages: \['one', 'two'\]"):
        in_order([stage("one", "estimates"), stage("two")])
    with pytest.raises(BadInput, match=r"\['one', 'two'\]: `needs` that lead in a circle"):
        in_order([stage("one", "two"), stage("two", "one"), stage("three")])


def test_figures_come_behind_the_stages_of_their_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan()

    def needs(*tables: str) -> set[str]:
        monkeypatch.setitem(FIGURES.items, "mine", replace(FIGURES["methods"], name="mine", tables=tables))
        return {need for stage in light_stages(made) if stage.name == "figures" for need in stage.needs}

    assert (needs("trajectories"), needs("rescored")) == ({"aggregate", "estimate"}, {"aggregate", "estimate", "rescore"})
    with pytest.raises(BadInput, match=r"stage figures: 'trajectory', which no light stage writes\. Allowed: one of \['texts'"):
        needs("trajectory")


def test_no_two_stages_write_the_same_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure and a table may share a name; two stages may not share an output."""
    from gap.plan.stages import rescore

    made = plan()
    outputs = [name for stage in light_stages(made) for name in stage.outputs]
    assert len(set(outputs)) == len(outputs) and {"methods_csv", "methods_points"} <= set(outputs)
    for name, path in (("methods_csv", made.results / "tables/other.csv"), ("other", made.results / "tables/methods.csv")):
        monkeypatch.setattr(rescore, "light_stages", lambda plan, name=name, path=path: [LightStage("rescore", {name: path}, rescore.CODE)])
        with pytest.raises(BadInput, match=r"stages (figures|rescore|tables) and (figures|rescore|tables)"):
            light_stages(made)


def test_one_record_per_stage_whatever_was_there() -> None:
    made = plan()
    keys = make_light(made)
    assert all(records_of(made.results, name) == [record_path(made.results, name, key)] for name, key in keys.items())
    write_record(record_path(made.results, "export-nano", "0" * 12))
    assert records_of(made.results, "export-nano-s") == [record_path(made.results, "export-nano-s", keys["export-nano-s"])]
    write_record(record_path(made.results, "report", "f" * 12))
    assert [path.name for path in records_of(made.results, "report")] == [f"report-{'f' * 12}.json"]
    check_records(made.results, keys)


def test_two_records_of_a_stage_are_refused() -> None:
    made = plan()
    keys = make_light(made)
    record_path(made.results, "report", "f" * 12).write_text("{}")
    with pytest.raises(BadInput, match="two records of report"):
        check_records(made.results, keys)


def with_model(**model: Any) -> Plan:
    return plan(studies__demo__models={"own": {"role": "subject", **model}} | RAW["studies"]["demo"]["models"])


def test_a_models_own_files_key_it_and_its_tokenizer_wherever_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF 1")
    made = with_model(kind="gguf", path="a.gguf")
    key = (models.key(made, "own"), tokenizers.key(made, "own"))
    made = with_model(kind="gguf", path="a.gguf", label="Another", role="reference")
    assert (models.key(made, "own"), tokenizers.key(made, "own")) == key
    (tmp_path / "a.gguf").write_bytes(b"GGUF 22")
    made = with_model(kind="gguf", path="a.gguf")
    assert models.key(made, "own") != key[0] and tokenizers.key(made, "own") != key[1]

    part = {"package": "some-model", "version": "1.0", "sha256": "a" * 64, "file": "m.gguf"}
    one, other, changed = (
        with_model(kind="package", parts=[part | {"version": version}], sha256=sha256)
        for version, sha256 in (("1.0", "0" * 64), ("1.1", "0" * 64), ("1.0", "1" * 64))
    )
    assert models.key(one, "own") == models.key(other, "own") != models.key(changed, "own")
    assert tokenizers.key(one, "own") == tokenizers.key(other, "own") != tokenizers.key(changed, "own")


def test_a_model_has_the_methods_that_it_names_and_nothing_is_made_again() -> None:
    whole, chosen = plan(), plan(studies__demo__models__nano_s__methods=["ascent", "soup"])
    made = {(shard.model, shard.method) for shard in posttrain.shards(chosen)}
    assert made == {("nano-s", "ascent"), ("nano-s", "soup")}
    assert set(heavy_outputs(chosen)) < set(heavy_outputs(whole))
