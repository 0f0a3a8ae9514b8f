"""The worked example "A model family" of docs/extending.md, as it stands on the page: two folders, their entries, and their scores."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from naive import naive_answer, naive_sum
from typer.testing import CliRunner

from gap.cli.main import app
from gap.core.tables import read_table
from gap.evaluate.engine import last_layer_pruning
from gap.evaluate.engine.scoring_model import open_scoring_model
from gap.evaluate.engine.split_model import split_model
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer
from gap.params.load import load_study
from gap.plan.document import heavy_outputs
from gap.plan.plan import Plan
from gap.plan.stages import evaluate, items, models, tokenizers
from gap.tasks.items import load_items

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs/extending.md").read_text(encoding="utf-8").split("## A model family\n", 1)[1].split("\n## ", 1)[0]
MAKE, SHOW, TEACH = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
ENTRIES, PLAIN = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL))
NAMES = ["llama", "gpt-neo"]
LAYOUTS = {
    ("copa", "llama"): "tree",
    ("blended_skill_talk", "llama"): "one row per dialogue",
    ("copa", "gpt-neo"): "plain: log-probabilities differ by up to",
    ("blended_skill_talk", "gpt-neo"): "one row per dialogue, without a cache: the logits of its answers differ by up to",
}


def gap(*arguments: str) -> None:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output + repr(done.exception)


class Project:
    """A folder with the page's models, and the demo with the page's entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "params.yaml", folder)
        (folder / "make_models.py").write_text(MAKE, encoding="utf-8")
        (folder / "show_paths.py").write_text(SHOW, encoding="utf-8")
        runpy.run_path(str(folder / "make_models.py"))
        self.plan = self.add(ENTRIES)

    def add(self, entries: dict[str, Any]) -> Plan:
        params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
        demo = params["studies"]["demo"]
        for key, value in entries.items():
            demo[key] = demo[key] | value if isinstance(value, dict) else value
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
        study: Any = load_study(Path("params.yaml"), {"study": "demo"})
        return Plan(study)

    def build(self) -> None:
        """What the rules build_tokenizer, build_model and fetch_items do."""
        for name in NAMES:
            entry = self.plan.study.models[name].tokenizer
            gap("tokenizer", "--job", text(tokenizers.job(self.plan, entry)), "--out", folder_of(tokenizers.path(self.plan, entry)))
            built = folder_of(models.path(self.plan, name))
            tokenizer = folder_of(tokenizers.path(self.plan, entry))
            gap("model", "--job", text(models.job(self.plan, name)), "--tokenizer", tokenizer, "--out", built, "--device", "cpu")
        for pair in self.plan.task_splits:
            gap("fetch-items", "--job", text(items.job(self.plan, *pair)), "--out", str(items.path(self.plan, *pair)))

    def score(self, plan: Plan, name: str) -> None:
        """What the rule evaluate_base does."""
        flags = [f"--items={task}/{split}={items.path(plan, task, split)}" for task, split in plan.task_splits]
        flags += [f"--out={task}/{split}={evaluate.base_path(plan, name, task, split)}" for task, split in plan.task_splits]
        how = ["--scorer", plan.study.models[name].scorer, "--device", "cpu"]
        gap(
            "evaluate",
            "--job",
            text(evaluate.job(plan, name, plan.task_splits)),
            "--model",
            folder_of(models.path(plan, name)),
            *flags,
            *how,
        )


def text(job: Any) -> str:
    return json.dumps(job.model_dump(mode="json"))


def folder_of(path: Path) -> str:
    return str(path.parent)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("family")
        patch.chdir(folder)
        made = Project(folder)
        made.build()
        for name in NAMES:
            made.score(made.plan, name)
        yield made


def facts(plan: Plan, name: str, task: str) -> dict[str, Any]:
    table = evaluate.base_path(plan, name, task, "validation")
    found: dict[str, Any] = json.loads(table.with_name(f"{table.stem}.provenance.json").read_text(encoding="utf-8"))["inputs"]
    return found


def largest_error(plan: Plan, name: str) -> tuple[float, int]:
    """Largest distance of a log-probability or NLL from the naive scorer's (nats), and how many answers are others; a few items a task."""
    folder = Path(name).resolve().parent / folder_of(models.path(plan, name))
    model, tokenizer, how = load_model(folder), load_tokenizer(folder), plan.study.evaluate
    errors, others = [], 0
    for task in ENTRIES["tasks"]:
        rows = read_table(evaluate.base_path(plan, name, task, "validation"), "item_scores")
        given = load_items(task, items.path(plan, task, "validation"), how.items)
        assert len(rows) == len(given) > 5
        for item, row in zip([*given[:4], *given[-2:]], [*rows.to_dict("records")[:4], *rows.to_dict("records")[-2:]], strict=True):
            if task == "copa":
                wanted = [naive_sum(model, tokenizer, item.context, choice, how.max_length) for choice in item.continuations]
                errors.append(np.abs(np.array(row["log_probabilities"]) - wanted).max())
            else:
                reference = f" {item.reference}"
                errors.append(abs(row["nll"] + naive_sum(model, tokenizer, item.prompt, reference, how.max_length)))
                others += row["response"] != naive_answer(model, tokenizer, item.prompt, how.max_length, how.max_new_tokens)
    return float(max(errors)), others


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_naive_scorers_and_the_record_names_the_path(project: Project, name: str) -> None:
    for task in ENTRIES["tasks"]:
        found = facts(project.plan, name, task)
        assert found["layout"].startswith(LAYOUTS[task, name]) and (found["layout"] == LAYOUTS[task, name]) == (name == "llama")
        assert found["head"] == "" and found["scorer"] == "auto"
        assert found["dropped"] == ({} if name == "llama" else {"attention in slices": "NotImplementedError: its attention is eager"})
    error, others = largest_error(project.plan, name)
    assert error < 1e-4 and others == 0


def test_the_page_shows_the_paths(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path("show_paths.py")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and {line.split("-")[0] for line in lines} == set(ENTRIES["tasks"])
    assert all("'layout': " in line and "'dropped': " in line for line in lines)


def test_plain_scoring_is_one_word_and_reaches_that_models_scores_alone(project: Project) -> None:
    plan = project.add(PLAIN)
    before, after = set(heavy_outputs(project.plan)), set(heavy_outputs(plan))
    assert {path.split("/")[2] for path in before ^ after} == {"scores"} and all("/gpt-neo-" in path for path in before ^ after)
    project.score(plan, "gpt-neo")
    for task, row in (("copa", "plain"), ("blended_skill_talk", "one row per dialogue, without a cache")):
        found = facts(plan, "gpt-neo", task)
        assert found["layout"] == f"{row}: asked for by the scorer plain" and found["scorer"] == "plain"
        assert (found["head"], found["dropped"], found["kernel"]) == ("asked for by the scorer plain", {}, "as it is")
    error, others = largest_error(plan, "gpt-neo")
    assert error < 1e-4 and others == 0


def test_a_name_teaches_pruning_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    import transformers as hf

    size = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    network = split_model(hf.Lfm2ForCausalLM(hf.Lfm2Config(**size, num_key_value_heads=1, initializer_range=0.2)).eval())
    untaught = open_scoring_model(network, None)
    assert untaught is not network and untaught.dropped["a pruned last layer"].endswith("no feed-forward block of a known name")
    taught: dict[str, Any] = {}
    exec(TEACH, taught)
    monkeypatch.setattr(last_layer_pruning, "BLOCK", taught["BLOCK"])
    pruned = open_scoring_model(network, None)
    assert pruned is not network and pruned.dropped == {}
    ids, some = torch.arange(40)[None], torch.tensor([3, 17, 39])
    with torch.inference_mode():
        left, right = (each.logits(each.features(ids, some)[0, some]) for each in (pruned, network))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-4)
    assert set(last_layer_pruning.BLOCK) > {"mlp"}
