"""The memory that jobs ask for goes by the size of their models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gap.plan.job_memory import BUILDING, CUDA_PROCESS, POSTTRAINING, PROCESS, SCORING, building_megabytes, job_megabytes


def record(folder: Path, parameters: int) -> Path:
    folder.mkdir()
    (folder / "provenance.json").write_text(json.dumps({"parameters": parameters}))
    return folder / "provenance.json"


def test_memory_is_that_of_the_largest_model_and_its_copies(tmp_path: Path) -> None:
    small, large = record(tmp_path / "a", 2**20), record(tmp_path / "b", 134_515_008)
    assert job_megabytes([small], SCORING) == PROCESS + SCORING * 4
    assert job_megabytes([small, large], POSTTRAINING) == pytest.approx(PROCESS + 6 * 513.1, abs=1)
    assert job_megabytes([small], 1, processes=4) == 4 * PROCESS + 4


SMOLLM2, GEMMA3 = 134_515_008, 268_098_176


@pytest.mark.parametrize(
    ("weights", "copies", "measured"), [(SMOLLM2, POSTTRAINING, 3_873), (SMOLLM2, SCORING + POSTTRAINING, 5_782), (GEMMA3, SCORING, 4_901)]
)
def test_what_is_asked_for_is_up_to_a_fifth_above_what_was_measured(tmp_path: Path, weights: int, copies: int, measured: int) -> None:
    """Study pilot: post-training, evaluation with runs, and of an unmodified model."""
    assert measured < job_megabytes([record(tmp_path / "a", weights)], copies) < 1.2 * measured


def test_a_model_that_is_not_there_yet_is_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        job_megabytes([tmp_path / "provenance.json"], SCORING)


def test_a_job_that_builds_a_model_asks_by_what_is_known_of_its_size() -> None:
    assert building_megabytes(2.7e9, CUDA_PROCESS) == round(CUDA_PROCESS + BUILDING * 2.7e9 * 4 / 2**20)
    assert building_megabytes(float("nan")) == building_megabytes(350e6)
