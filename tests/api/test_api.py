"""The public API: its numbers are those of the pipeline's jobs, weights come back bit for bit, and problems are one paragraph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
import yaml
from tiny_gguf import write_gguf

import gap
from gap import Model, Study, api, generate, open_model, post_train, read_study, restore, score
from gap.core.errors import BadInput
from gap.core.files import write_json
from gap.core.tables import RUN, TABLES, read_table
from gap.evaluate.job import RunFiles, TaskFiles, evaluate
from gap.models.weights import weights_digest
from gap.params.evaluate import EvaluateJob, ScoredTask
from gap.params.one_text import PAPER, one_text_method
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain.job import posttrain
from gap.runtime.runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]
TEXT = tiny.essay(3, 20)
RATE = 0.01
#: Columns of item_scores that say which weights were scored.
NAMES = [*RUN, "step"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Path:
    return tiny.make_model(tmp_path_factory.mktemp("models") / "tiny", tokenizer, max_position_embeddings=160)


@pytest.fixture
def model(folder: Path) -> Model:
    return open_model(folder, device="cpu", max_length=120, max_new_tokens=8)


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = (
        "import sys, gap; before = set(sys.modules); from gap import open_model, read_study; "
        "print(sorted({'torch', 'transformers', 'pandas', 'pydantic', 'gap.api'} & before), "
        "sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[] []"


def test_the_package_offers_what_the_module_does() -> None:
    assert set(gap.__all__) == {*api.__all__, "__version__"} <= set(dir(gap))
    assert all(getattr(gap, name) is getattr(api, name) for name in api.__all__)
    with pytest.raises(AttributeError, match="module 'gap' has no attribute 'scores'"):
        _ = gap.scores  # type: ignore[attr-defined]


def test_nothing_of_the_package_uses_the_api() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "src/gap").rglob("*.py") if path.parent.name != "gap"}
    assert len(texts) > 100 and [path for path, text in texts.items() if "from gap.api" in text or "from gap import api" in text] == []


def test_updates_and_scores_are_the_pipelines(model: Model, folder: Path, tmp_path: Path) -> None:
    """One text, two updates, three tables: by the jobs of the pipeline, and by the API."""
    corpora = {"mine": tiny.texts_table(tmp_path / "texts.parquet", "mine", [TEXT])}
    method = tiny.method(learning_rate=RATE)
    runs = [RunId(run="0" * 16, corpus="mine", text=0)]
    trained = tmp_path / "runs.parquet"
    posttrain(PosttrainJob(model="tiny", method="m", settings=method, updates=2, runs=runs), folder, corpora, trained, Runtime("cpu"))
    expected = read_table(trained, "trajectories")

    before = score(model, "copa", 7, source="miniature")
    found = post_train(model, TEXT, 2, learning_rate=RATE)
    after = {task: score(model, task, 7, source="miniature") for task in ("copa", "blended_skill_talk")}
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected[list(found)].drop(columns="seconds"), check_dtype=False)
    assert list(found["step"]) == [0, 1, 2] and found["loss"][2] > found["loss"][1]
    assert weights_digest(model.session.model) == found["digest"].iloc[-1] != found["digest"].iloc[0] == model.digest

    for task, rows in after.items():
        [items] = Path(".gap/score/items").glob(f"{task}-*/validation.jsonl")
        scored = ScoredTask(task=task, split="validation")
        job = EvaluateJob(
            model="tiny", method="m", tasks=[scored], settings=method, updates=2, evaluate=model.session.job.evaluate, items=7, runs=runs
        )
        files = {(task, "validation"): TaskFiles(items, tmp_path / f"{task}.parquet")}
        evaluate(job, folder, files, RunFiles(corpora, trained), Runtime("cpu"))
        table = read_table(tmp_path / f"{task}.parquet", "item_scores")
        theirs = table[table["step"] == 2].reset_index(drop=True)
        assert list(rows) == list(TABLES["item_scores"]) and len(rows) == 7
        pd.testing.assert_frame_equal(rows.drop(columns=NAMES), theirs.drop(columns=NAMES), check_dtype=False)
    assert before["log_probabilities"].tolist() != after["copa"]["log_probabilities"].tolist()
    assert before[NAMES].drop_duplicates().to_numpy().tolist() == [["tiny", "", "", -1, "base", 0]]
    assert after["copa"][["method", "step"]].drop_duplicates().to_numpy().tolist() == [["ascent", 2]]
    assert after["copa"]["run"].nunique() == 1 and after["copa"]["run"].str.fullmatch("[0-9a-f]{16}").all()


def test_every_call_begins_at_the_base_weights(model: Model) -> None:
    first = post_train(model, TEXT, learning_rate=RATE)
    down = post_train(model, TEXT, 2, direction="descent", learning_rate=RATE)
    assert (model.method, model.step) == ("descent", 2) and down["loss"][2] < down["loss"][1] == first["loss"][1]
    again = post_train(model, TEXT, learning_rate=RATE)
    assert again["digest"].tolist() == first["digest"].tolist() != down["digest"].tolist()[:2]
    restore(model)
    assert weights_digest(model.session.model) == model.digest and (model.method, model.run, model.step) == ("", "base", 0)


def test_random_steps_are_as_long_as_those_of_ascent(model: Model) -> None:
    up = post_train(model, TEXT, 2, learning_rate=RATE)
    aside = post_train(model, TEXT, 2, direction={"kind": "random", "seed": 1}, learning_rate=RATE)
    assert aside["update_norm"].tolist() == pytest.approx(up["update_norm"].tolist(), rel=1e-4)
    assert aside["digest"][2] != up["digest"][2] and aside["loss"][1] == pytest.approx(up["loss"][1])


def test_a_call_that_fails_leaves_the_base_weights(model: Model) -> None:
    post_train(model, TEXT, learning_rate=RATE)
    with pytest.raises(BadInput, match="a run without retained texts"):
        post_train(model, TEXT, direction={"kind": "retain", "corpus": "other", "weight": 1.0})
    assert weights_digest(model.session.model) == model.digest and model.step == 0


def test_answers_are_those_of_transformers(model: Model) -> None:
    tokenizer, network = model.session.tokenizer, model.session.model
    for updates in (0, 2):
        if updates:
            post_train(model, TEXT, updates, learning_rate=RATE)
        prompt = tiny.essay(5, 6)
        ids = torch.tensor([[2, *tokenizer.encode(prompt, add_special_tokens=False)]])
        made = network.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=9, pad_token_id=1)
        assert generate(model, prompt, 9) == tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True) != ""


def test_a_gguf_file_is_a_model(tmp_path: Path) -> None:
    write_gguf(tmp_path / "small.gguf")
    model = open_model("small.gguf", device="cpu", max_length=100)
    assert model.folder.parent == Path(".gap/score/models") and model.name.startswith("small-")
    assert post_train(model, "ab cd ab", learning_rate=RATE)["step"].tolist() == [0, 1]
    assert len(score(model, "copa", 3, source="miniature")) == 3


def test_settings_are_the_papers() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    paper = params["gap"] | params["studies"]["paper"]["gap"]
    assert paper | {"precision": "fp32", "texts": 1} == PAPER
    changed = one_text_method({"optimizer": {"eps": 1e-6}, "rates": {"kind": "layer_decay", "decay": 0.9}, "updates": 3})
    assert (changed.gap.optimizer.eps, changed.gap.optimizer.betas) == (1e-6, (0.9, 0.98))  # type: ignore[attr-defined]
    assert changed.gap.rates.kind == "layer_decay" and changed.gap.updates == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("call", "paragraph"),
    [
        (lambda model: open_model("no such model!"), "model no such model!: no such folder, and no id of a hub model.*Correct the path"),
        (lambda model: open_model(model.folder, device="cpu", max_length=5), "max_length: 5. Allowed: 9 or more"),
        (lambda model: open_model(model.folder, device="cpu", precision="fp8"), "precision: 'fp8'"),
        (lambda model: post_train(model, TEXT, learning_rat=1), "setting 'learning_rat': an unknown key. Allowed: one of .*'learning_rate'"),
        (lambda model: post_train(model, TEXT, texts_per_update=2), "setting 'texts_per_update': an unknown key"),
        (lambda model: post_train(model, TEXT, learning_rate=-1.0), "setting 'learning_rate': -1.0. Allowed: Input should be greater than 0"),
        (lambda model: post_train(model, TEXT, direction="sideways"), "setting 'direction': .*'ascent'"),
        (lambda model: post_train(model, TEXT, direction="random"), "setting 'direction.random.seed'"),
        (lambda model: post_train(model, TEXT, 0), "updates: 0. Allowed: 1 or more"),
        (lambda model: post_train(model, TEXT, "3"), "updates: '3'. Allowed: a whole number"),
        (lambda model: post_train(model, None), "text: a NoneType. Allowed: one string"),
        (lambda model: post_train(model, "caf\ud800"), "text: half of a surrogate pair"),
        (lambda model: generate(model, ["a"]), "prompt: a list. Allowed: one string"),
        (lambda model: score(model, ["copa"], source="miniature"), "task: a list. Allowed: one string"),
        (lambda model: score(model, "copa,piqa", source="miniature"), "task: 'copa,piqa'. Allowed: one task"),
        (lambda model: post_train(model, ""), "text '': no token"),
        (lambda model: post_train(model, tiny.essay(1, 400)), "at most 160, the model's positions"),
        (lambda model: generate(model, tiny.essay(1, 400)), "tokens. Allowed: at most 129 before 32 new ones.*Shorten the prompt"),
        (lambda model: generate(model, "a", 0), "max_new_tokens: 0. Allowed: 1 or more"),
        (lambda model: score(model, "copas", source="miniature"), "'copas'"),
        (lambda model: score(model, "copa", 0, source="miniature"), "items: 0. Allowed: 1 or more"),
        (lambda model: score(model, "copa", source="here"), "'here'. Allowed: miniature, folder:PATH or hub"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(model: Model, call: Any, paragraph: str) -> None:
    with pytest.raises(BadInput, match=paragraph):
        call(model)


def test_a_studys_tables(plan: dict) -> None:
    study = Study("synthetic", Path("."), plan)
    light = {name: Path(path) for name, path in plan["light"].items()}
    pd.testing.assert_frame_equal(study.table("run_scores"), read_table(light["run_scores"], "run_scores"))
    pd.testing.assert_frame_equal(study.table("trajectories"), read_table(light["trajectories"], "trajectories"))
    items, parts = study.table("item_scores", ["run", "step", "correct"]), {entry["path"] for entry in plan["scores"]}
    assert list(items) == ["run", "step", "correct"] and len(items) == sum(len(read_table(Path(part), "item_scores")) for part in parts)
    means, values = study.table("estimates"), pd.read_csv(light["estimates"])
    assert means["mean_gain"].tolist() == values["mean_gain"].tolist() and set(means["policy"]) >= {"best", "last"}
    assert list(study.models) == list(plan["models"])
    for name, columns, found in (
        ("estimate", None, "no table 'estimate'. Allowed: one of .*'estimates'"),
        ("estimates", ["gain"], "table estimates: no column 'gain'. Allowed: columns .*'mean_gain'"),
        ("item_scores", ["f2"], "table item_scores: no column 'f2'"),
    ):
        with pytest.raises(BadInput, match=found):
            study.table(name, columns)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"1,2\n'])
def test_a_damaged_table_or_plan_is_named(plan: dict, content: bytes) -> None:
    file = Path("estimates.csv")
    file.write_bytes(content)
    damaged = Study("synthetic", Path("."), plan | {"light": plan["light"] | {"estimates": str(file)}})
    with pytest.raises(BadInput, match=r"estimates\.csv: not a readable CSV file .*table estimates"):
        damaged.table("estimates")
    write_json(Path("results/demo/plan.json"), {"models": {}})
    with pytest.raises(BadInput, match=r"plan\.json, key 'light': not there"):
        read_study("demo")


def test_the_studies_of_the_repository(tmp_path: Path) -> None:
    demo = read_study("demo", ROOT)
    assert demo.models["nano-s"].parent == ROOT / "data/demo/models"
    assert demo.table("estimates", ["policy"])["policy"].isin(["authors", "best", "last"]).all()
    with pytest.raises(BadInput, match=r"results/dem/plan\.json: no such file.*Name the project's folder as root"):
        read_study("dem", ROOT)
    absent = Study("demo", tmp_path, demo.plan)
    with pytest.raises(BadInput, match=r"run_scores\.parquet: no such file.*dvc pull"):
        absent.table("run_scores")
