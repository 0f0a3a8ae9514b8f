"""The memory that jobs ask for goes by the size of their models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gap.plan import job_memory
from gap.plan.job_memory import (
    BUILDING,
    CUDA_PROCESS,
    POSTTRAINING,
    PROCESS,
    SCORING,
    building_megabytes,
    job_megabytes,
    shared_megabytes,
)
from gap.plan.model_size import UNKNOWN_VOCABULARY, ModelSize


def record(folder: Path, parameters: int, vocabulary: int | None = None) -> Path:
    folder.mkdir()
    (folder / "provenance.json").write_text(json.dumps({"parameters": parameters}))
    (folder / "config.json").write_text(json.dumps({} if vocabulary is None else {"vocab_size": vocabulary}))
    return folder / "provenance.json"


def test_memory_is_that_of_the_largest_model_and_its_copies(tmp_path: Path) -> None:
    small, large = record(tmp_path / "a", 2**20), record(tmp_path / "b", 134_515_008)
    assert job_megabytes([small], SCORING) == PROCESS + SCORING * 4
    assert job_megabytes([small, large], POSTTRAINING) == pytest.approx(PROCESS + 5.5 * 513.1, abs=1)
    assert job_megabytes([small], 1, processes=4) == 4 * PROCESS + 4


def test_a_large_vocabulary_counts_where_a_model_is_trained(tmp_path: Path) -> None:
    wide = record(tmp_path / "a", 2**20, 2**18)
    assert job_megabytes([wide], POSTTRAINING, 200) == PROCESS + 5.5 * 4 + 10 * 200
    assert job_megabytes([wide], SCORING) == PROCESS + SCORING * 4
    unknown = record(tmp_path / "b", 2**20)
    assert job_megabytes([unknown], POSTTRAINING, 2**18) == PROCESS + 5.5 * 4 + 10 * UNKNOWN_VOCABULARY


SMOLLM2, GEMMA3 = (134_515_008, 49_152), (268_098_176, 262_144)


@pytest.mark.parametrize(
    ("model", "copies", "tokens", "measured"),
    [
        (SMOLLM2, POSTTRAINING + 8, 200, [7_856]),
        (SMOLLM2, SCORING + POSTTRAINING + 8, 200, [9_253]),
        (GEMMA3, SCORING + POSTTRAINING, 200, [11_232]),
        (SMOLLM2, POSTTRAINING, 200, [3_781, 3_819, 3_873, 4_153, 4_184]),
        (GEMMA3, POSTTRAINING, 200, [8_470]),
        (SMOLLM2, SCORING + POSTTRAINING, 200, [5_782, 5_983, 6_008]),
        (GEMMA3, SCORING, 0, [4_901]),
    ],
)
def test_what_is_asked_for_is_up_to_a_fifth_above_what_was_measured(
    tmp_path: Path, model: tuple[int, int], copies: float, tokens: int, measured: list[int]
) -> None:
    """Studies pilot and small: post-training by several methods, evaluation with runs, and of an unmodified model."""
    asked = job_megabytes([record(tmp_path / "a", *model)], copies, tokens)
    assert max(measured) < asked < 1.2 * min(measured)


def test_jobs_of_this_machine_share_nine_tenths_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_memory, "memory", lambda: (16_000.0, 3_000.0))
    assert shared_megabytes() == 14_400


def test_a_model_that_is_not_there_yet_is_asked_for_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        job_megabytes([tmp_path / "provenance.json"], SCORING)


def test_a_job_that_builds_a_model_asks_by_what_is_known_of_its_size() -> None:
    assert building_megabytes(ModelSize(2.7e9), CUDA_PROCESS) == round(CUDA_PROCESS + BUILDING * 2.7e9 * 4 / 2**20)
    assert building_megabytes(ModelSize(float("nan"))) == building_megabytes(ModelSize(350e6))
