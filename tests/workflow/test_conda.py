"""``--use-conda`` through Snakemake's own wiring, with a stand-in for the command ``conda``."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, Workspace

TARGETS = ("--until", "sample_corpus", "--quiet", "rules")


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a conda installation: bin/conda, bin/activate, and the folder of its environments."""
    folder = tmp_path_factory.mktemp("conda")
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "tests/support/conda/conda", folder / "bin/conda")
    (folder / "bin/activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    return folder


def by_conda(workspace: Workspace, stand_in: Path, *flags: str, code: int | None = 0, **variables: str) -> str:
    environment = {"PATH": f"{stand_in / 'bin'}:{workspace.environment()['PATH']}", "STAND_IN_PYTHON": sys.executable, **variables}
    prefix = ("--conda-prefix", str(stand_in / "envs"))
    return workspace.run("snakemake", "--cores", "1", "--use-conda", *prefix, *TARGETS, *flags, code=code, **environment)


def built(workspace: Workspace, pattern: str) -> Path:
    [path] = (workspace.folder / "data/tiny").glob(pattern)
    return path


def test_jobs_run_in_the_environment_with_the_code_that_planned_them(tiny: Workspace, stand_in: Path, tmp_path: Path) -> None:
    plain, conda = tiny.copy(tmp_path / "plain"), tiny.copy(tmp_path / "with spaces")
    plain.snakemake(*TARGETS)
    by_conda(conda, stand_in)
    texts = [built(each, "corpora/*/texts-0002.parquet").read_bytes() for each in (plain, conda)]
    assert texts[0] == texts[1]
    records = [json.loads(built(each, "corpora/*/texts-0002.provenance.json").read_text()) for each in (plain, conda)]
    # Snakemake, DVC and lm_eval are the workflow's, wherever the job runs
    assert records[0]["versions"] == records[1]["versions"] and {"snakemake", "dvc", "lm_eval"} <= set(records[1]["versions"])

    # another checkout with the same environments runs its own code
    other = tiny.copy(tmp_path / "other")
    module = other.folder / "src/gap/pretrain/build_tokenizer.py"
    module.write_text(module.read_text() + '\nraise SystemExit("code of the other checkout")\n')
    text = by_conda(other, stand_in, code=1, PYTHONPATH=str(other.folder / "src"))
    assert (
        "code of the other checkout" in text and len(list((stand_in / "envs").glob("*.env_setup_done"))) == 2
    )  # compute and analysis, shared


def test_another_directory_needs_no_installation(tiny: Workspace, stand_in: Path, tmp_path: Path) -> None:
    workspace, elsewhere = tiny.copy(tmp_path / "project"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("params.yaml", "input"):
        shutil.move(workspace.folder / name, elsewhere / name)
    by_conda(workspace, stand_in, "--directory", str(elsewhere))
    assert list(elsewhere.glob("data/tiny/tokenizers/*/tokenizer.json"))


def test_mamba_alone_is_not_enough(tiny: Workspace, stand_in: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mamba").symlink_to(stand_in / "bin/conda")
    path = f"{tmp_path / 'bin'}:{tiny.environment()['PATH']}"
    assert shutil.which("conda", path=path) is None, "this machine has conda on PATH"
    text = tiny.run("snakemake", "--cores", "1", "--use-conda", "-n", code=1, PATH=path)
    assert "--use-conda needs the command conda, which is not on PATH" in text
