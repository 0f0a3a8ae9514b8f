from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gap.core.errors import BadInput
from gap.models.tokenizer import load_tokenizer
from gap.params.sources import FilesSource
from gap.params.tokenizers import TokenizerFiles, TokenizerJob, TokenizerLocal, TokenizerTrained
from gap.pretrain.build_tokenizer import PROBE, build_tokenizer, mixed_texts
from gap.pretrain.mixture import in_hash_order, shares

MIRROR = os.environ.get("GAP_MIRROR")


def test_special_tokens_stand_where_opt_has_them(tokenizer: Path) -> None:
    vocabulary = json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"]
    assert [vocabulary[token] for token in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    tool = load_tokenizer(tokenizer)
    assert (tool.bos_token, tool.eos_token, tool.unk_token, tool.pad_token) == ("</s>", "</s>", "</s>", "<pad>")
    assert (tool.bos_token_id, tool.pad_token_id, len(tool)) == (2, 1, 320)


def test_auto_tokenizer_gives_the_same_ids_and_puts_the_edge_in_front(tokenizer: Path) -> None:
    from transformers import AutoTokenizer

    auto, own = AutoTokenizer.from_pretrained(tokenizer), load_tokenizer(tokenizer)
    bare = own.encode(PROBE, add_special_tokens=False)
    assert auto.encode(PROBE, add_special_tokens=False) == bare
    assert auto(PROBE)["input_ids"] == own(PROBE)["input_ids"] == [2, *bare]
    assert auto.decode(bare) == PROBE


def test_training_again_gives_the_same_bytes_in_another_process(tmp_path: Path, tokenizer: Path, source: FilesSource) -> None:
    code = f"import sys; sys.path.insert(0, {str(Path(tiny.__file__).parent)!r}); import tiny; from pathlib import Path; "
    code += f"tiny.make_tokenizer(Path({str(tmp_path)!r}), tiny.FilesSource(kind='files', paths={source.paths!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        assert (tmp_path / name).read_bytes() == (tokenizer / name).read_bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_text_comes_back(tokenizer: Path, text: str) -> None:
    from tokenizers import Tokenizer

    tool = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    ids = tool.encode(text, add_special_tokens=False).ids
    if "</s>" not in text and "<pad>" not in text:
        assert tool.decode(ids, skip_special_tokens=False) == text


def test_unk_in_a_text_is_spelled_out(tokenizer: Path) -> None:
    assert not {0, 3} & set(load_tokenizer(tokenizer).encode("<s> <unk>", add_special_tokens=False))


@pytest.mark.skipif(not MIRROR, reason="GAP_MIRROR is not set: OPT's vocabulary is not at hand")
def test_opt_files_give_opt_ids(tmp_path: Path) -> None:
    job = TokenizerJob(name="opt", tokenizer=TokenizerFiles(kind="files", path="mirror:tokenizer/opt"), seed=0)
    build_tokenizer(job, tmp_path)
    tool = load_tokenizer(tmp_path)
    assert tool.encode("Hello", add_special_tokens=False) == [31414]
    assert tool("Hello world")["input_ids"] == [2, 31414, 232]
    assert len(tool) == 50265


def _files(folder: Path, vocabulary: object, merges: str) -> TokenizerJob:
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text(merges)
    return TokenizerJob(name="t", tokenizer=TokenizerFiles(kind="files", path=str(folder)), seed=0)


@pytest.mark.parametrize(
    ("vocabulary", "merges", "words"),
    [
        ({"a": 0}, "", "no token '</s>'"),
        ([], "", "no token '</s>'"),
        ({"</s>": 0, "<pad>": 1, "a": 2, "b": 3}, "#version: 0.2\na b\n", "line 2"),
        ({"</s>": 0, "<pad>": 1, "a": 2, "b": 3, "ab": 4}, "a b\n", "cannot spell every byte"),
        ({"</s>": "0", "<pad>": 1}, "", "token '</s>' has the id '0'"),
        ({"</s>": 0, "<pad>": -1}, "", "token '<pad>' has the id -1"),
        ({"</s>": 0, "<pad>": 1, "a": 1}, "", "token 'a' has the id 1"),
    ],
)
def test_unfit_files_are_refused_with_their_place(tmp_path: Path, vocabulary: object, merges: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        build_tokenizer(_files(tmp_path, vocabulary, merges), tmp_path / "out")
    assert not (tmp_path / "out" / "tokenizer.json").exists()


def test_missing_merges_and_missing_folder(tmp_path: Path) -> None:
    job = _files(tmp_path, {"</s>": 0, "<pad>": 1}, "")
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(BadInput, match=r"merges\.txt"):
        build_tokenizer(job, tmp_path / "out")
    with pytest.raises(BadInput, match=r"no tokenizer\.json"):
        load_tokenizer(tmp_path)


def local(path: Path) -> TokenizerJob:
    return TokenizerJob(name="own", tokenizer=TokenizerLocal(kind="local", path=str(path)), seed=0)


def test_a_tokenizer_of_another_family_is_taken_from_its_folder(tmp_path: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    backend = ByteLevelBPETokenizer()
    backend.train_from_iterator(["one two three"] * 9, vocab_size=300, special_tokens=["<bos>"], show_progress=False)
    for bos, folder in (("<bos>", tmp_path / "own"), (None, tmp_path / "mute")):
        PreTrainedTokenizerFast(tokenizer_object=backend._tokenizer, bos_token=bos).save_pretrained(folder)
    build_tokenizer(local(tmp_path / "own"), tmp_path / "out")
    own, built = (load_tokenizer(tmp_path / name) for name in ("own", "out"))
    assert built.bos_token_id == own.bos_token_id == 0 and built.encode("two one") == own.encode("two one") == backend.encode("two one").ids
    with pytest.raises(BadInput, match="neither bos_token nor eos_token"):
        build_tokenizer(local(tmp_path / "mute"), tmp_path / "out2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no tokenizer that transformers can read"):
        build_tokenizer(local(tmp_path / "empty"), tmp_path / "out3")


def test_shares_add_up_and_weights_are_positive() -> None:
    assert shares({"a": 1.0, "b": 3.0}) == {"a": 0.25, "b": 0.75}
    for wrong in ({"a": 0.0}, {"a": -1.0, "b": 2.0}, {}):
        with pytest.raises(ValidationError, match="mixture"):
            TokenizerTrained(kind="train", mixture=wrong, vocab_size=300)


def test_hash_order_drops_repeats_and_forgets_the_order_of_the_source() -> None:
    texts = [f"text {number}" for number in range(50)]
    first = list(in_hash_order([*texts, *texts[:5], " \n"]))
    assert first == list(in_hash_order(reversed(texts)))
    assert sorted(first) == sorted(texts) and first != texts


def test_each_source_is_cut_at_its_share_of_the_bytes(tmp_path: Path) -> None:
    one, two = tiny.text_file(tmp_path, 1), tiny.text_file(tmp_path, 2)
    texts = list(mixed_texts({"one": 1.0, "two": 3.0}, {"one": one, "two": two}, 4000, 0))
    assert 3990 <= sum(map(len, texts)) <= 4000
    mine = Path(two.paths[0]).read_text()
    assert sum(len(text) for text in texts if text in mine) == pytest.approx(3000, abs=10)
