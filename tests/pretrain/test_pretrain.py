from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gap.core.errors import BadInput, Refused
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.params.models import ModelJob, PretrainedHere
from gap.params.sources import FilesSource
from gap.pretrain import trainer
from gap.pretrain.build import build_model
from gap.pretrain.from_scratch import ROOT, new_model, state_file
from gap.pretrain.trainer import Trainer, has_bf16
from gap.runtime.runtime import Runtime


def job(source: FilesSource, **changes: Any) -> ModelJob:
    base = {"kind": "pretrain", "tokenizer": "t", "hidden_size": 16, "layers": 1, "heads": 2, "context": 64, "mixture": {"text": 1.0}}
    settings = PretrainedHere.model_validate({**base, "tokens": 2560, "sequence": 32, "batch": 4, "learning_rate": 0.01, **changes})
    return ModelJob(name="nano", model=settings, sources={"text": source}, seed=1)


class Killed(Exception):
    pass


def killed_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let training die at its ``steps``-th update from now on."""
    whole, left = Trainer._update, iter(range(steps))

    def update(self: Trainer, rate: float) -> None:
        if next(left, None) is None:
            raise Killed
        whole(self, rate)

    monkeypatch.setattr(Trainer, "_update", update)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, source: FilesSource, tokenizer: Path) -> Path:
    out = tmp_path_factory.mktemp("models") / "nano"
    build_model(job(source), tokenizer, out, Runtime("cpu", 1))
    return out


def test_the_folder_is_a_normal_one(undisturbed: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = {path.name for path in undisturbed.iterdir()}
    assert {"config.json", "model.safetensors", "generation_config.json", "tokenizer.json", "provenance.json", "pretraining.csv"} <= names
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(undisturbed), AutoTokenizer.from_pretrained(undisturbed)
    assert type(loaded).__name__ == "OPTForCausalLM" and loaded.config.vocab_size == len(tokenizer) == 320
    assert (loaded.config.bos_token_id, loaded.config.eos_token_id, loaded.config.pad_token_id) == (2, 2, 1)
    assert (undisturbed / "model.safetensors").stat().st_mode & 0o444 == 0o444


def test_it_learned_and_the_record_says_how(undisturbed: Path) -> None:
    rows = list(csv.DictReader((undisturbed / "pretraining.csv").read_text().splitlines()))
    assert list(rows[0]) == ["tokens", "train_loss", "validation_loss", "learning_rate"]
    assert [int(row["tokens"]) for row in rows] == list(range(256, 2561, 256))
    assert float(rows[-1]["validation_loss"]) < float(rows[0]["validation_loss"]) < math.log(320) + 0.1
    record = json.loads((undisturbed / "provenance.json").read_text())
    assert record["tokens_seen"] == 2560 and record["validation_loss"] == float(rows[-1]["validation_loss"])
    assert record["weights"] == weights_digest(load_model(undisturbed))
    assert record["parameters"] == sum(weight.numel() for weight in load_model(undisturbed).parameters())


@pytest.mark.parametrize("steps", [0, 1, 7, 19])
def test_a_killed_run_ends_bit_for_bit_as_an_undisturbed_one(
    steps: int, undisturbed: Path, source: FilesSource, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SAVE_EVERY", 0.0)
    out = Path("nano")
    with monkeypatch.context() as patched:
        killed_after(patched, steps)
        with pytest.raises(Killed):
            build_model(job(source), tokenizer, out, Runtime("cpu", 1))
    assert not (out / "provenance.json").exists()
    assert state_file(job(source), tokenizer, out).exists() == (steps > 0)
    with monkeypatch.context() as patched:
        killed_after(patched, 20 - steps)  # what was done is not done again
        build_model(job(source), tokenizer, out, Runtime("cpu", 1))
    for name in ("model.safetensors", "pretraining.csv", "config.json"):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
    assert not list(ROOT.glob("*"))


def test_what_a_process_killed_while_saving_left_goes_with_the_state(source: FilesSource, tokenizer: Path) -> None:
    state = state_file(job(source), tokenizer, Path("nano"))
    state.parent.mkdir(parents=True)
    (state.parent / ".state.pt.1.tmp").write_bytes(b"half a state")
    build_model(job(source), tokenizer, Path("nano"), Runtime("cpu", 1))
    assert Path("nano/provenance.json").exists() and not list(ROOT.glob("*"))


def changed_tokenizer(tokenizer: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy whose tokenizer.json is changed in place."""
    shutil.copytree(tokenizer, folder, ignore=shutil.ignore_patterns("SHA256SUMS"))
    content = json.loads((folder / "tokenizer.json").read_text())
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


def test_a_tokenizer_without_the_token_around_texts_is_refused(source: FilesSource, tokenizer: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "</s>"]
        content["post_processor"] = None
        del content["model"]["vocab"]["</s>"]

    other = changed_tokenizer(tokenizer, tmp_path / "other", change)
    with pytest.raises(BadInput, match=r"models\.nano\.tokenizer: no token '</s>'"):
        build_model(job(source), other, Path("nano"), Runtime("cpu", 1))


def test_a_tokenizer_with_gaps_between_its_ids_gets_enough_embeddings(source: FilesSource, tokenizer: Path, tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary[max(vocabulary, key=vocabulary.get)] = 400

    other = changed_tokenizer(tokenizer, tmp_path / "other", change)
    build_model(job(source), other, Path("nano"), Runtime("cpu", 1))
    assert load_model(Path("nano")).config.vocab_size == 401


def test_another_seed_or_setting_does_not_take_up_the_state(source: FilesSource, tokenizer: Path) -> None:
    places = {
        state_file(one, tokenizer, Path("nano"))
        for one in (job(source), job(source, learning_rate=0.02), job(source).model_copy(update={"seed": 2}))
    }
    assert len(places) == 3
    assert state_file(job(source), tokenizer, Path("other")) not in places


def test_a_budget_in_seconds_ends(source: FilesSource, tokenizer: Path) -> None:
    build_model(job(source, tokens=None, seconds=0.2), tokenizer, Path("nano"), Runtime("cpu", 1))
    rows = Path("nano/pretraining.csv").read_text().splitlines()
    assert 2 <= len(rows) <= 11
    assert json.loads(Path("nano/provenance.json").read_text())["train_seconds"] >= 0.2


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_other_precisions_keep_fp32_weights(precision: str, source: FilesSource, tokenizer: Path) -> None:
    build_model(job(source, precision=precision, tokens=512), tokenizer, Path("nano"), Runtime("cpu", 1))
    loaded = load_model(Path("nano"))
    assert next(loaded.parameters()).dtype == torch.float32
    assert json.loads(Path("nano/config.json").read_text())["dtype"] == "float32"


def test_a_loss_that_is_not_finite_is_refused(source: FilesSource, tokenizer: Path) -> None:
    with pytest.raises(Refused, match=r"models\.nano\.learning_rate"):
        build_model(job(source, learning_rate=1e30, warmup=0.0), tokenizer, Path("nano"), Runtime("cpu", 1))
    assert not Path("nano/provenance.json").exists()


def test_too_little_text(source: FilesSource, tokenizer: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("signal motor")
    short = FilesSource(kind="files", paths=[str(tmp_path / "short.txt")])
    with pytest.raises(BadInput, match="source text"):
        build_model(job(short), tokenizer, Path("nano"), Runtime("cpu", 1))


def test_too_small_a_budget(source: FilesSource, tokenizer: Path) -> None:
    with pytest.raises(BadInput, match=r"models\.nano\.tokens: 127\. Allowed: at least one batch, 128\."):
        build_model(job(source, tokens=127), tokenizer, Path("nano"), Runtime("cpu", 1))


def test_the_first_weights_depend_on_the_seed_alone(source: FilesSource, tokenizer: Path) -> None:
    from tokenizers import Tokenizer

    backend, settings = Tokenizer.from_file(str(tokenizer / "tokenizer.json")), job(source).model
    assert isinstance(settings, PretrainedHere)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, two, other = (weights_digest(new_model(settings, backend, seed)) for seed in (1, 1, 2))
    assert one == two != other
    assert torch.equal(state, torch.random.get_rng_state())


def test_bf16_hardware_is_a_plain_answer() -> None:
    assert has_bf16(torch.device("cpu")) in (True, False)
