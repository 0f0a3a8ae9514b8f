"""The demo, made once through DVC (hence Snakemake) in a temporary clone, and looked at from all sides."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from .conftest import ROOT, Workspace, checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SUBJECTS = ["nano-s"]
TASKS = 12


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = os.environ.get("GAP_DEMO")  # a folder in which the demo is already made, to look at these tests alone
    if made:
        return Workspace(Path(made))
    workspace = checkout(tmp_path_factory.mktemp("demo") / "project")
    workspace.dvc("repro")
    return workspace


@pytest.fixture(scope="module")
def run_scores(demo: Workspace) -> pd.DataFrame:
    return pd.read_parquet(demo.folder / "results/demo/observations/run_scores.parquet").astype(
        {"model": str, "run": str, "task": str, "corpus": str, "metric": str}
    )


@pytest.fixture(scope="module")
def plan(demo: Workspace) -> dict:
    return json.loads(demo.read("results/demo/plan.json"))


def test_every_planned_output_exists_and_nothing_is_left_to_do(demo: Workspace, plan: dict) -> None:
    assert demo.planned() == {}
    for name in plan["figure_names"]:
        for ending in ("pdf", "png"):
            assert (demo.folder / f"figures/demo/{name}.{ending}").stat().st_size > 5000
    assert "results/demo/report.html" in demo.run("gap", "where")


def test_the_tables_hold_every_run_step_and_task(run_scores: pd.DataFrame, plan: dict) -> None:
    tasks = run_scores[run_scores["metric"].isin(["acc", "f1"]) & ~run_scores["task"].isin(["classification", "dialogue", "all"])]
    assert [method["name"] for method in plan["methods"]] == ["ascent", "descent", "random", "soup"]
    assert len(plan["runs"]) == len(SUBJECTS) * 3 * (4 + 2 + 2 + 1)
    assert len(tasks) == (len(plan["runs"]) * plan["methods"][0]["updates"] + len(plan["study"]["models"])) * TASKS
    assert tasks["value"].between(0, 1).all()
    assert (tasks["items"] == plan["study"]["evaluate"]["items"]).all()


def test_nano_models_beat_chance_where_the_items_let_them(run_scores: pd.DataFrame, plan: dict) -> None:
    base = run_scores[(run_scores["run"] == "base") & (run_scores["metric"] == "acc")].set_index(["model", "task"])["value"]
    for task, chance in {"hellaswag": 0.25, "piqa": 0.5, "copa": 0.5, "arc_easy": 0.25}.items():
        best = max(base[model, task] for model in plan["study"]["models"])
        error = (chance * (1 - chance) / plan["study"]["evaluate"]["items"]) ** 0.5
        assert best > chance + 1.5 * error, f"{task}: {best}"


def test_ascent_climbs_and_the_corpora_differ_in_familiarity(demo: Workspace) -> None:
    table = pd.read_parquet(demo.folder / "results/demo/observations/trajectories.parquet").astype(
        {"corpus": str, "run": str, "model": str}
    )
    updates = table[(table["step"] >= 1) & (table["method"].astype(str) == "ascent")]
    rises = updates.sort_values("step").groupby("run")["loss"].apply(lambda loss: loss.iloc[-1] - loss.iloc[0])
    assert (rises > 0).all()
    first = updates[updates["step"] == 1].groupby("corpus")["loss"].mean()
    assert first["seen"] < first["prose"] < first["code"]


def test_controls_and_variants_do_what_they_say(demo: Workspace) -> None:
    table = pd.read_parquet(demo.folder / "results/demo/observations/trajectories.parquet").astype(
        {"corpus": str, "run": str, "model": str, "method": str}
    )
    falls = (
        table[(table["method"] == "descent") & (table["epoch"] >= 1)]
        .groupby("run")["loss"]
        .apply(lambda loss: loss.iloc[-1] - loss.iloc[0])
    )
    assert (falls < 0).all()
    keys = ["model", "corpus", "text", "step"]
    ascent, random = (table[(table["method"] == name) & table["real"]].set_index(keys) for name in ("ascent", "random"))
    np.testing.assert_allclose(random["update_norm"], ascent.loc[random.index, "update_norm"], rtol=2e-3)
    soup = table[(table["method"] == "soup") & table["real"]].set_index(keys)
    mean = ascent.loc[random.index, "distance"].groupby(["model", "corpus", "step"]).mean()  # of the two texts in it
    np.testing.assert_allclose(soup["trained_distance"].droplevel("text"), mean.loc[soup.droplevel("text").index], rtol=1e-9)
    assert (soup["distance"] < soup["trained_distance"]).all()


@pytest.mark.parametrize("method", ["soup", pytest.param("random", marks=pytest.mark.nightly)])
def test_any_checkpoint_comes_back_by_its_id(demo: Workspace, method: str) -> None:
    from gap.models.load import load_model
    from gap.models.weights import weights_digest

    [row] = json.loads(demo.run("gap", "checkpoints", "--json", "--method", method, "--sort", "all", "--limit", "1"))
    demo.run("gap", "materialise", row["id"], "--out", f"exported/{method}", "--device", "cpu")
    assert weights_digest(load_model(demo.folder / "exported" / method, "cpu")) == row["digest"]


def test_the_report_is_one_page_that_needs_no_network(demo: Workspace) -> None:
    page = demo.read("results/demo/report.html").decode()
    assert not re.findall(r'(?:src|href)="(?!data:|#)(?!https://doi\.org|https://arxiv\.org|https://aclanthology\.org)[^"]*"', page)
    assert "@import" not in page and "<script src" not in page
    assert page.count("data:image/") + page.count("<svg") >= 6
    for word in ("nano-s", "learning_rate", "torch"):
        assert word in page


def test_snakemakes_own_report_has_the_figures(demo: Workspace) -> None:
    demo.run("snakemake", "--report", "snakemake-report.html")
    page = demo.read("snakemake-report.html").decode()
    assert "figure1" in page and "Figures" in page


def test_dvc_shows_metrics_and_curves(demo: Workspace) -> None:
    metrics = json.loads(demo.dvc("metrics", "show", "--json"))
    assert "results/demo/metrics.json" in json.dumps(metrics)
    demo.dvc("plots", "show", "-o", "plots")
    page = demo.read("plots/index.html").decode()
    assert "Dialogue score by update" in page and "nano-s" in page and 'charset="utf-8"' in page
    assert page.count('class="vega-embed"') + page.count("vegaEmbed(") >= 4
    assert '"text": "results/demo/plots' not in page, "only the plots that dvc.yaml describes"


def recipe(demo: Workspace, model: str) -> dict:
    return json.loads(demo.read(f"checkpoints/demo/{model}/gap_recipe.json"))


@pytest.fixture(scope="module")
def lm_eval_samples(demo: Workspace, plan: dict) -> dict[str, list[dict]]:
    """What the stock `lm_eval` says of the exported checkpoint of nano-s, by task."""
    evaluate = plan["study"]["evaluate"]
    flags = [f"--items={task}/validation={paths['validation']}" for task, paths in plan["items"].items()]
    demo.run("gap", "lm-eval-tasks", *flags, "--out", "lm_eval_tasks", "--limit", str(evaluate["items"]))
    wanted = [f"gap_{task}" for task in plan["items"]]
    assert len(wanted) == TASKS
    demo.run(
        "lm_eval", "--model", "hf", "--model_args", f"pretrained=checkpoints/demo/nano-s,add_bos_token=True,max_length={evaluate['max_length']},dtype=float32",
        "--include_path", "lm_eval_tasks", "--tasks", ",".join(wanted), "--device", "cpu", "--batch_size", "1", "--gen_kwargs", f"max_gen_toks={evaluate['max_new_tokens']}", "--log_samples", "--output_path", "lm_eval_out",
    )  # fmt: skip
    found = {}
    for path in (demo.folder / "lm_eval_out").rglob("samples_gap_*.jsonl"):
        task = re.sub(r"^samples_gap_(.*?)_\d{4}-.*$", r"\1", path.name)
        found[task] = sorted((json.loads(line) for line in path.read_text().split("\n") if line), key=lambda row: row["doc_id"])
    return found


def our_items(demo: Workspace, plan: dict, task: str) -> pd.DataFrame:
    made = recipe(demo, "nano-s")
    files = [entry["path"] for entry in plan["scores"] if entry["task"] == task and entry["model"] == "nano-s"]
    table = pd.concat([pd.read_parquet(demo.folder / path) for path in files])
    table = table[(table["run"].astype(str) == made["run"]) & (table["step"] == made["step"])]
    return table.sort_values("item").reset_index(drop=True)


def boundary(demo: Workspace, plan: dict, task: str) -> set[int]:
    """Items whose tokens differ at the boundary when context and continuation are encoded together."""
    from gap.evaluate.checks.boundary import boundary_differences
    from gap.models.tokenizer import load_tokenizer
    from gap.tasks.items import load_items

    items = load_items(task, demo.folder / plan["items"][task]["validation"], plan["study"]["evaluate"]["items"])
    return {difference.item for difference in boundary_differences(items, load_tokenizer(demo.folder / "checkpoints/demo/nano-s"))}


@pytest.mark.nightly  # on smaller models: tests/evaluate/lm_eval
def test_lm_eval_predicts_the_same_item_for_item(demo: Workspace, plan: dict, lm_eval_samples: dict[str, list[dict]]) -> None:
    differing = {}
    for task in plan["study"]["tasks"][:8]:
        ours, theirs = our_items(demo, plan, task), lm_eval_samples[task]
        assert len(ours) == len(theirs) == plan["study"]["evaluate"]["items"]
        apart = boundary(demo, plan, task)
        differing[task] = sorted(apart)
        for row, sample in zip(ours.itertuples(), theirs, strict=True):
            if row.item in apart:
                continue
            scores = [float(response[0][0]) for response in sample["resps"]]
            np.testing.assert_allclose(row.log_probabilities, scores, atol=1e-3, err_msg=f"{task} {row.item}")
            assert int(np.argmax(scores)) == row.prediction or np.ptp(sorted(scores)[-2:]) < 1e-4
            assert int(sample["target"]) == row.gold
    print("items whose tokens differ at the boundary:", differing)
    assert sum(map(len, differing.values())) <= 20, differing


@pytest.mark.nightly
def test_lm_evals_dialogue_f1_agrees(demo: Workspace, plan: dict, lm_eval_samples: dict[str, list[dict]]) -> None:
    for task in plan["study"]["tasks"][8:]:
        ours, theirs = our_items(demo, plan, task), lm_eval_samples[task]
        assert len(ours) == len(theirs) == plan["study"]["evaluate"]["items"]
        np.testing.assert_allclose(ours["f1"], [sample["f1"] for sample in theirs], atol=1e-9, err_msg=task)


def test_the_tutorial_runs_as_it_stands(demo: Workspace) -> None:
    """Every block of docs/tutorial.md, in order, as cells of one notebook."""
    blocks = re.findall(r"```python\n(.*?)```", demo.read("docs/tutorial.md").decode(), re.DOTALL)
    program = [*blocks, "import json", "cells = comparison.set_index(['direction', 'updates'])['loss before the last']"]
    program += ["losses = {name: cells.loc[name].tolist() for name in directions}"]
    program += ["found = {'answers': [before, after], 'losses': losses, 'climb': climb.to_dict('index'), 'flips': list(flips.shape)}"]
    program += ["found['f1'] = by_step.to_numpy().ravel().tolist()"]
    program += ["found['last'] = last.to_dict('records')", "print('\\n' + json.dumps(found))"]
    found = json.loads(demo.run(sys.executable, "-c", "\n".join(program)).splitlines()[-1])
    before, after = found["answers"]
    assert before != after, "one update changes the answer"
    ascent, descent, aside = (found["losses"][name] for name in ("ascent", "descent", "random"))
    assert ascent[0] == descent[0] == pytest.approx(aside[0], abs=1e-4)
    assert ascent == sorted(ascent) and descent == sorted(descent, reverse=True)
    assert ascent[2] - ascent[0] > 10 * abs(aside[2] - aside[0])
    assert list(found["climb"]) == ["ascent", "descent", "random", "soup"] and found["flips"] == [20, 1 + 27 * 3]
    assert len(found["f1"]) == 3 * 3 and all(0 < value < 0.05 for value in found["f1"]), "F1 as a fraction, and no loss among it"
    effects = pd.read_parquet(demo.folder / "results/demo/observations/effects.parquet").astype({"policy": str, "corpus": str, "task": str})
    mine = effects[(effects["policy"] == "last") & (effects["corpus"] == "all") & effects["task"].isin(["dialogue", "classification"])]
    assert [row["difference"] for row in found["last"]] == mine["difference"].tolist() and len(mine) == 8


def test_an_exported_checkpoint_is_a_normal_folder_with_the_recorded_weights(demo: Workspace) -> None:
    from gap.models.load import load_model
    from gap.models.weights import weights_digest

    table = pd.read_parquet(demo.folder / "results/demo/observations/trajectories.parquet").astype({"run": str})
    for model in SUBJECTS:
        made = recipe(demo, model)
        [row] = table[(table["run"] == made["run"]) & (table["step"] == made["step"]) & table["real"]].to_dict("records")
        assert weights_digest(load_model(demo.folder / "checkpoints/demo" / model, "cpu")) == row["digest"]


def test_no_record_names_a_folder_of_this_machine(demo: Workspace) -> None:
    home = str(demo.folder.parent)
    for folder in ("results/demo", "data/demo", "figures/demo", "checkpoints/demo"):
        for path in (demo.folder / folder).rglob("*.json"):
            assert home not in path.read_text(), path


def test_the_committed_metrics_are_what_this_code_makes(demo: Workspace, plan: dict) -> None:
    """Expected numbers: the same parameters, code and Python give the committed metrics, up to another machine's rounding."""
    committed = ROOT / "results/demo"
    if json.loads((committed / "plan.json").read_text())["digest"] != plan["digest"]:
        pytest.skip("the committed demo was made by another Python or other code")
    ours, theirs = json.loads(demo.read("results/demo/metrics.json")), json.loads((committed / "metrics.json").read_text())
    assert flat(ours).keys() == flat(theirs).keys()
    for path, value in flat(theirs).items():
        assert flat(ours)[path] == pytest.approx(value, abs=0.05), path


def flat(tree: dict, prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in tree.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found
