"""The worked examples of a task in docs/extending.md, done as the page says: one new file, its data, one entry in params.yaml."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from gap.core.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FACTS = [{"question": "What is hot?", "answer": "The sun."}, {"question": "What is cold?", "answer": "Ice."}]
PLAN = """
import json, sys, yaml
from gap.params.load import load_study
from gap.plan.plan import Plan
from gap.plan.stages import evaluate, items
from pathlib import Path
plan = Plan(load_study(Path("params.yaml"), {"study": "demo"}))
model = plan.subjects[0]
print(json.dumps({"keys": {task: evaluate.key(plan, task, split) for task, split in plan.task_splits},
    "fetch": {task: items.job(plan, task, split).model_dump(mode="json") for task, split in plan.task_splits},
    "score": {task: evaluate.job(plan, model, [(task, split)]).model_dump(mode="json") for task, split in plan.task_splits}}))
"""


def example(heading: str) -> tuple[str, str, dict[str, Any]]:
    """File, its content, and the entries of params.yaml below a heading of the page."""
    text = PAGE.split(f"### {heading}\n", 1)[1].split("\n### ", 1)[0]
    [(file, code)] = re.findall(r"`(src/gap/\S+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    [entries] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return file, code, entries


class Project:
    """A copy of the source with params.yaml, in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "src/gap", folder / "src/gap", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "params.yaml", folder)

    def run(self, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        done = subprocess.run([sys.executable, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gap(self, *arguments: str) -> str:
        return self.run("-c", "from gap.cli.main import main; main()", *arguments)

    def plan(self) -> dict[str, Any]:
        planned: dict[str, Any] = json.loads(self.run("-c", PLAN))
        return planned

    def add(self, heading: str) -> None:
        file, code, entries = example(heading)
        (self.folder / file).write_text(code, encoding="utf-8")
        params = yaml.safe_load((self.folder / "params.yaml").read_text(encoding="utf-8"))
        params["studies"]["demo"] |= entries
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    def scores(self, plan: dict[str, Any], task: str, model: Path) -> pd.DataFrame:
        self.gap("fetch-items", "--job", json.dumps(plan["fetch"][task]), "--out", f"{task}.jsonl")
        job, split = plan["score"][task], plan["score"][task]["tasks"][0]["split"]
        self.gap(
            "evaluate",
            "--job",
            json.dumps(job),
            "--model",
            str(model),
            "--items",
            f"{task}/{split}={task}.jsonl",
            "--out",
            f"{task}/{split}={task}.parquet",
            "--device",
            "cpu",
        )
        return read_table(self.folder / f"{task}.parquet", "item_scores")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(ROOT / "tests/support"))
    import tiny

    folder = tmp_path_factory.mktemp("model")
    tokenizer = tiny.make_tokenizer(folder / "tokenizer", tiny.text_file(folder))
    return tiny.make_model(folder / "opt", tokenizer, max_position_embeddings=600)


def test_the_file_and_the_entry_give_a_multiple_choice_task(project: Project, model: Path) -> None:
    before = project.plan()["keys"]
    section = PAGE.split("### A multiple-choice task", 1)[1]
    (project.folder / "antonyms.jsonl").write_text(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0], encoding="utf-8")
    project.add("A multiple-choice task from a JSONL file")
    plan = project.plan()
    after = plan["keys"]
    assert list(after) == ["piqa", "antonyms"] and after["piqa"] == before["piqa"]

    rows = project.scores(plan, "antonyms", model)
    assert rows["gold"].tolist() == [0, 1, 2] and [len(sums) for sums in rows["log_probabilities"]] == [3, 3, 3]
    # another row and another wording are other results
    with (project.folder / "antonyms.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"word": "big", "options": ["small", "blue", "dry"], "answer": 0}\n')
    longer = project.plan()["keys"]
    file = project.folder / "src/gap/tasks/catalogue/antonyms.py"
    file.write_text(file.read_text(encoding="utf-8").replace("opposite", "contrary"), encoding="utf-8")
    reworded = project.plan()["keys"]
    assert len({after["antonyms"], longer["antonyms"], reworded["antonyms"]}) == 3
    assert after["piqa"] == longer["piqa"] == reworded["piqa"]


def test_the_file_and_the_entry_give_a_generation_task(project: Project, model: Path) -> None:
    pq.write_table(pa.Table.from_pylist(FACTS), project.folder / "recall.parquet")
    project.add("A generation task from a Parquet file")
    params = yaml.safe_load((project.folder / "params.yaml").read_text(encoding="utf-8"))
    params["studies"]["demo"]["tasks"] = ["recall"]
    (project.folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")

    rows = project.scores(project.plan(), "recall", model)
    assert len(rows) == 2 and (rows["tokens"] > 0).all() and rows["f1"].between(0, 1).all()
    assert all("\n" not in response for response in rows["response"])
    fetched = [json.loads(line) for line in (project.folder / "recall.jsonl").read_text(encoding="utf-8").splitlines()]
    assert fetched == FACTS
