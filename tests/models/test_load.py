from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gap.core.errors import BadInput
from gap.models.load import load_model, model_identity
from gap.runtime.device import open_device
from gap.runtime.runtime import Runtime


@pytest.fixture
def copy(tmp_path: Path, model: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "copy"))


def test_loaded_as_the_protocol_wants_it(model: Path) -> None:
    loaded = load_model(model)
    assert not loaded.training
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert json.loads((model / "config.json").read_text())["dropout"] == 0.1
    assert (loaded.config.dropout, loaded.config.attention_dropout, loaded.config.layerdrop) == (0.0, 0.0, 0.0)
    assert loaded.train().model.decoder.layers[0].dropout == 0.0


def test_nothing_is_random_even_in_training_mode(model: Path) -> None:
    loaded, ids = load_model(model).train(), torch.arange(4, 24)[None]
    assert torch.equal(loaded(input_ids=ids).logits, loaded(input_ids=ids).logits)


def test_no_config(copy: Path) -> None:
    (copy / "config.json").unlink()
    with pytest.raises(BadInput, match=r"no config\.json"):
        load_model(copy)


def test_unknown_kind(copy: Path) -> None:
    (copy / "config.json").write_text('{"model_type": "nothing-known"}')
    with pytest.raises(BadInput, match="not a configuration"):
        load_model(copy)


def test_no_weights(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="no weights"):
        load_model(copy)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_cut_off_safetensors(copy: Path, keep: float) -> None:
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(BadInput, match="corrupt or cut off"):
        load_model(copy)


def test_corrupt_header(copy: Path) -> None:
    whole = bytearray((copy / "model.safetensors").read_bytes())
    whole[20:40] = b"\xff" * 20
    (copy / "model.safetensors").write_bytes(bytes(whole))
    with pytest.raises(BadInput, match="corrupt or cut off"):
        load_model(copy)


def test_a_missing_tensor_is_not_made_up(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    gone = next(name for name in tensors if "fc1.weight" in name)
    del tensors[gone]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"no weights for .*fc1"):
        load_model(copy)


def test_weights_of_another_shape(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "ffn_dim": 48}))
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_model(copy)


def test_a_missing_shard(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "part-1.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(BadInput, match=r"part-2\.safetensors"):
        load_model(copy)


def test_an_index_that_leads_out_of_its_folder(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    for name in ("../part-1.safetensors", "/etc/part-1.safetensors"):
        (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        with pytest.raises(BadInput, match="names of files beside it"):
            load_model(copy)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, "no names of weights"),
        ({"weight_map": []}, "no names of weights"),
        ({"weight_map": {}}, "no names of weights"),
        ({"weight_map": {"a": 1}}, "1"),
        ({"weight_map": {"a": None, "b": "part-1.safetensors"}}, "None"),
        ({"weight_map": {"a": ""}}, "''"),
        ({"weight_map": {"a": ".."}}, r"'\.\.'"),
    ],
)
def test_an_index_that_names_no_files(copy: Path, content: object, found: str) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors.index.json").write_text(json.dumps(content))
    for opened in (load_model, model_identity):
        with pytest.raises(BadInput, match=f"weight_map: {found}. Allowed: names of files beside it"):
            opened(copy)


def test_corrupt_bin(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"not a pickle")
    with pytest.raises(BadInput, match="cannot be loaded"):
        load_model(copy)


def test_devices() -> None:
    assert open_device(Runtime("cpu", 1)).type == "cpu" and torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    with pytest.raises(BadInput, match="auto, cpu or cuda"):
        open_device(Runtime("tpu", 1))
    if not torch.cuda.is_available():
        with pytest.raises(BadInput, match="no GPU"):
            open_device(Runtime("cuda", 1))


def test_weights_without_a_place_are_not_dropped(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": config["num_hidden_layers"] - 1}))
    with pytest.raises(BadInput, match=r"no place for: .*layers\.1\..* and \d+ more"):
        load_model(copy)


def test_a_model_that_looks_ahead_is_refused_wherever_it_is_opened(tmp_path: Path) -> None:
    from transformers import BertConfig, BertLMHeadModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 90}
    BertLMHeadModel(BertConfig(**sizes, initializer_range=0.5)).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match=r"looks ahead"):
        load_model(tmp_path)


def test_quantised_and_multimodal_models_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    quantised = config | {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    (copy / "config.json").write_text(json.dumps(quantised))
    with pytest.raises(BadInput, match="quantised weights"):
        load_model(copy)
    from transformers import Gemma3Config

    Gemma3Config().save_pretrained(copy)
    with pytest.raises(BadInput, match=r"more than text .*text model"):
        load_model(copy)
