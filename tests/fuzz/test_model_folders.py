"""Hostile model folders: a spoiled place in one of their JSON files is refused, or the model still gives a distribution over its vocabulary."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from families import FAMILIES
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_model, make_tokenizer, text_file

from gap.core.checksums import SUMS
from gap.core.errors import GapError
from gap.models.load import load_model, model_identity
from gap.models.tokenizer import load_tokenizer, opening_id

from .test_fuzz import HOSTILE, places, spoil

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")
#: The first entries of a long mapping or list stand for all of them: a vocabulary has hundreds.
FEW = 12


@pytest.fixture(scope="module")
def folders() -> Iterator[dict[str, Path]]:
    """A whole folder of each of three families."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        tokenizer = make_tokenizer(root / "tokenizer", text_file(root))
        (tokenizer / SUMS).unlink()  # a stranger's folder has none
        made = {"opt": make_model(root / "opt", tokenizer)}
        for family in ("llama", "gemma2"):
            from transformers import AutoModelForCausalLM

            AutoModelForCausalLM.from_config(FAMILIES[family]()).save_pretrained(root / family)
            made[family] = root / family
            for file in tokenizer.iterdir():
                shutil.copyfile(file, root / family / file.name)
        yield made


def few_places(tree: Any) -> list[tuple[Any, ...]]:
    """Places of a tree whose long mappings and lists are cut."""

    def cut(inside: Any) -> Any:
        if isinstance(inside, dict):
            return {key: cut(value) for key, value in list(inside.items())[:FEW]}
        return [cut(value) for value in inside[:FEW]] if isinstance(inside, list) else inside

    return places(cut(tree))


@given(data=st.data())
def test_a_folder_is_refused_or_gives_probabilities(folders: dict[str, Path], data: st.DataObject) -> None:
    source = folders[data.draw(st.sampled_from(sorted(folders)))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(shutil.copytree(source, Path(name) / "model"))
        file = folder / data.draw(st.sampled_from([file for file in FILES if (folder / file).exists()]))
        tree = json.loads(file.read_text())
        where = data.draw(st.sampled_from(few_places(tree)))
        hostile = [value for value in HOSTILE if value != "\ud800"]  # no file of UTF-8 can hold it
        tree = spoil(
            copy.deepcopy(tree), where, data.draw(st.sampled_from(["replace", "replace", "remove"])), data.draw(st.sampled_from(hostile))
        )
        file.write_text(json.dumps(tree))
        try:
            model_identity(folder)
            tokenizer: Any = load_tokenizer(folder)
            ids = [opening_id(tokenizer), *tokenizer.encode("signal motor garden", add_special_tokens=False)]
            model = load_model(folder)
        except GapError as error:
            assert "\n" not in str(error.where) and error.cure
            return
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        assert logits.shape == (len(ids), model.config.vocab_size)
