from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import tiny
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from gap.core.errors import BadInput
from gap.core.folder import filling
from gap.fetch.origin import Origin
from gap.models.load import load_model
from gap.models.weights import weights_digest
from gap.params.existing import HubModel, LocalModel
from gap.params.models import ModelJob
from gap.pretrain import existing
from gap.pretrain.build import build_model
from gap.runtime.runtime import Runtime


def job(path: Path) -> ModelJob:
    return ModelJob(name="own", model=LocalModel(kind="local", tokenizer="t", path=str(path)), seed=0)


def test_a_local_model_is_copied_with_its_tokenizer(tmp_path: Path, model: Path, tokenizer: Path) -> None:
    build_model(job(model), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    record = json.loads((tmp_path / "out/provenance.json").read_text())
    assert record["weights"] == weights_digest(load_model(model)) == weights_digest(load_model(tmp_path / "out"))
    assert (tmp_path / "out/tokenizer.json").read_bytes() == (tokenizer / "tokenizer.json").read_bytes()
    assert not (tmp_path / "out/pretraining.csv").exists()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_bin_becomes_safetensors_of_the_same_dtype(tmp_path: Path, model: Path, tokenizer: Path, dtype: torch.dtype) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text((model / "config.json").read_text())
    tensors = {name: tensor.to(dtype) for name, tensor in load_file(model / "model.safetensors").items()}
    torch.save(tensors, source / "pytorch_model.bin")
    build_model(job(source), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    with safe_open(tmp_path / "out/model.safetensors", framework="pt") as stream:
        assert {stream.get_tensor(name).dtype for name in stream.keys()} == {dtype}  # noqa: SIM118
    loaded = load_model(tmp_path / "out").state_dict()
    assert all(torch.equal(loaded[name], tensor.float()) for name, tensor in tensors.items())


def test_a_bin_from_before_torch_1_6_is_read(tmp_path: Path, model: Path, tokenizer: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text((model / "config.json").read_text())
    tensors = {name: tensor.half() for name, tensor in load_file(model / "model.safetensors").items()}
    torch.save(tensors, source / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    build_model(job(source), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    assert json.loads((tmp_path / "out/provenance.json").read_text())["dtype"] == "torch.float16"


def test_a_tokenizer_that_does_not_fit(tmp_path: Path, tokenizer: Path) -> None:
    small = tiny.make_model(tmp_path / "small", vocab_size=300)
    with pytest.raises(BadInput, match=r"320 tokens.*at most 300"):
        build_model(job(small), tokenizer, tmp_path / "out", Runtime("cpu", 1))


def test_a_model_that_looks_ahead_is_not_copied(tmp_path: Path, tokenizer: Path) -> None:
    from transformers import BertConfig, BertLMHeadModel

    size = {"vocab_size": 340, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertLMHeadModel(BertConfig(**size, initializer_range=0.3)).save_pretrained(tmp_path / "bert")
    with pytest.raises(BadInput, match="looks ahead"):
        build_model(job(tmp_path / "bert"), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    assert not (tmp_path / "out/provenance.json").exists()


def test_missing_folder_and_missing_weights(tmp_path: Path, model: Path, tokenizer: Path) -> None:
    with pytest.raises(BadInput, match="nothing at"):
        build_model(job(tmp_path / "nowhere"), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/config.json").write_text((model / "config.json").read_text())
    with pytest.raises(BadInput, match="no weights"):
        build_model(job(tmp_path / "bare"), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    assert not (tmp_path / "out/provenance.json").exists()


def test_a_hub_model_is_read_at_its_revision(tmp_path: Path, model: Path, tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    asked = []

    def model_files(id: str, revision: str, out: Path) -> Origin:
        asked.append((id, revision))
        shutil.copytree(model, out, dirs_exist_ok=True)
        return Origin("model", id, revision, "other", {"config.json": "0" * 64})

    monkeypatch.setattr(existing, "model_files", model_files)
    settings = HubModel(kind="hub", tokenizer="t", id="some/opt", revision="a" * 40)
    build_model(ModelJob(name="hub", model=settings, seed=0), tokenizer, tmp_path / "out", Runtime("cpu", 1))
    assert asked == [("some/opt", "a" * 40)]
    [origin] = json.loads((tmp_path / "out/provenance.json").read_text())["fetched"]
    assert origin == {"kind": "model", "id": "some/opt", "revision": "a" * 40, "licence": "other", "files": {"config.json": "0" * 64}}
    assert weights_digest(load_model(tmp_path / "out")) == weights_digest(load_model(model))
    assert not list(Path(".gap/downloads").glob("*"))


def test_a_failing_block_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "main").write_text("old")
    os.chmod(out / "main", 0o444)
    with pytest.raises(RuntimeError), filling(out, "main") as folder:
        (folder / "main").write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and (out / "main").read_text() == "old"
    with filling(out, "main") as folder:
        (folder / "main").write_text("new")
        (folder / "side").write_text("s")
    assert (out / "main").read_text() == "new" and (out / "side").read_text() == "s"
