"""A small byte-level BPE and a small text source that the corpus tests share."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from gap.params.sources import TableSource

TEXT = "signal motor garden paper river kitchen window letter engine forest planet button market bridge copper silver winter summer"
WORDS = TEXT.split()
ENDINGS = ["", "s", "ing", "ed", "'s", "é", "—", ","]


def sentence(source: random.Random) -> str:
    words = [source.choice(WORDS) + source.choice(ENDINGS) for _ in range(source.randint(4, 14))]
    return " ".join(words).capitalize() + source.choice([".", "!", ".\n", "\n\n    "])


def essay(seed: int, sentences: int) -> str:
    source = random.Random(seed)
    return " ".join(sentence(source) for _ in range(sentences))


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a byte-level BPE of 600 tokens with OPT's special tokens."""
    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    built.train_from_iterator([essay(seed, 40) for seed in range(20)], trainer)
    folder = tmp_path_factory.mktemp("tokenizer")
    built.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def essays(tmp_path_factory: pytest.TempPathFactory) -> TableSource:
    """40 documents of 3 to 120 sentences; the last three repeat the first three."""
    texts = [essay(100 + number, 3 * (number + 1)) for number in range(40)]
    path = tmp_path_factory.mktemp("essays") / "essays.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*texts, *texts[20:23]]), encoding="utf-8")
    return TableSource(kind="jsonl", path=str(path))
