"""Tokenizers that do not open a text by themselves, or spell a part of it otherwise: every path and printed command agrees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from scored import evaluate_one

from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.evaluate.lm_eval.arguments import model_arguments
from gap.models.pairs import encode_pairs, spells_alike, together
from gap.models.tokenizer import load_tokenizer, opening_id, with_opening
from gap.params.evaluate import Evaluate, EvaluateJob, ScoredTask
from gap.params.posttrain import PosttrainJob
from gap.params.runs import RunId
from gap.posttrain.job import posttrain
from gap.runtime.runtime import Runtime
from gap.tasks.export import commands, export_tasks

WORDS = "the cat sat on a mat and User 1 : User 2 : you said that it is not so , but I think we can go there now . Yes ? No !"
ITEMS, NEW = 5, 6
CPU = Runtime("cpu", 1)


def byte_level(special: dict[str, str]) -> Any:
    """No template: what it encodes with special tokens has none."""
    from transformers import PreTrainedTokenizerFast

    from gap.pretrain import build_tokenizer as module

    backend = module.assemble(*module.train([f"{WORDS}\nUser 1: {WORDS.lower()} {number}" for number in range(40)], 400))
    plain = type(backend).from_str(json.dumps(json.loads(backend.to_str()) | {"post_processor": None}))
    return PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", **special)


def sentence_piece() -> Any:
    """A space in front of every text, and a template, as Llama 2's has."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator([*WORDS.split(), *WORDS.lower().split()] * 20, trainers.BpeTrainer(vocab_size=390, special_tokens=special))
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>")


TOKENIZERS = {
    "no template": lambda: byte_level({"bos_token": "<s>", "eos_token": "</s>"}),
    "no bos": lambda: byte_level({"eos_token": "</s>"}),
    "SentencePiece": sentence_piece,
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def folder(request: pytest.FixtureRequest, models: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    models("opt").save_pretrained(out)
    TOKENIZERS[request.param]().save_pretrained(out)
    return out


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Multiple choice, and dialogues of which two are longer than the model's 160 positions take."""
    monkeypatch.chdir(tmp_path)
    choices = [{"goal": f"the cat sat on {number}", "sol1": "a mat now .", "sol2": "that it is", "label": 0} for number in range(ITEMS)]
    turns = [{"text": [f"{WORDS} " * size + str(size), "we can go there"]} for size in (1, 1, 2, 6, 9)]
    for name, rows in {"piqa": choices, "wizard_of_internet": turns}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {name: tmp_path / f"{name}.jsonl" for name in ("piqa", "wizard_of_internet")}


def scores(folder: Path, items: dict[str, Path], task: str, scorer: str, max_length: int = 120, new: int = NEW) -> Any:
    how = Evaluate(
        items=ITEMS,
        splits=["validation"],
        precision="fp32",
        max_length=max_length,
        max_new_tokens=new,
        batch_tokens=512,
        replay_tolerance=0,
    )
    job = EvaluateJob(model="m", method="", tasks=[ScoredTask(task=task, split="validation")], evaluate=how, items=ITEMS)
    out = Path(f"{scorer}-{max_length}/{task}.parquet")
    evaluate_one(job, folder, items[task], {}, None, out, CPU, scorer=scorer)
    return read_table(out, "item_scores")


def test_every_scorer_opens_and_spells_alike(folder: Path, items: dict[str, Path]) -> None:
    for scorer in ("plain", "lm-eval"):
        ours, theirs = scores(folder, items, "piqa", "auto"), scores(folder, items, "piqa", scorer)
        np.testing.assert_allclose(np.stack(ours["log_probabilities"]), np.stack(theirs["log_probabilities"]), rtol=0, atol=1e-4)
    ours, theirs = scores(folder, items, "wizard_of_internet", "auto"), scores(folder, items, "wizard_of_internet", "lm-eval")
    assert ours["response"].tolist()[:2] == theirs["response"].tolist()[:2]
    np.testing.assert_allclose(ours["nll"][:2], theirs["nll"][:2], rtol=0, atol=1e-4)


def test_every_scorer_keeps_to_the_models_positions(folder: Path, items: dict[str, Path]) -> None:
    """160 of them: longer dialogues are cut, and of multiple choice the settings are refused."""
    ours, theirs = (scores(folder, items, "wizard_of_internet", scorer, max_length=512, new=32) for scorer in ("auto", "lm-eval"))
    assert ours["response"].tolist()[:2] == theirs["response"].tolist()[:2]
    np.testing.assert_allclose(ours["nll"], theirs["nll"], rtol=0, atol=1e-4)
    for scorer in ("auto", "plain", "lm-eval"):
        with pytest.raises(BadInput, match=r"max_length: 200 for a model of 160 positions. Allowed: at most 161"):
            scores(folder, items, "piqa", scorer, max_length=200)


def test_the_printed_commands_of_stock_lm_eval_agree(folder: Path, items: dict[str, Path]) -> None:
    """Long prompts too: they are cut behind the opening token, to what the model has positions for."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    names = export_tasks(items, ITEMS, Path("tasks"))
    arguments = model_arguments(folder, Path("tasks"))
    lines = commands(names, Path("tasks"), arguments)
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", Path("cache").absolute())
        for line in lines:
            words = line.split()
            group = words[words.index("--tasks") + 1]
            model = HFLM.create_from_arg_string(
                words[words.index("--model_args") + 1], {"batch_size": 1, "device": "cpu", "dtype": "float32"}
            )
            manager = TaskManager(include_path="tasks", include_defaults=False)
            made = simple_evaluate(model=model, tasks=[group], task_manager=manager, log_samples=True, bootstrap_iters=0)
            found |= {name: sorted(rows, key=lambda row: row["doc_id"]) for name, rows in made["samples"].items()}
    choices = scores(folder, items, "piqa", "auto", max_length=161)
    for row, sample in zip(choices["log_probabilities"], found["gap_piqa"], strict=True):
        np.testing.assert_allclose(row, [float(answer[0]) for answer in sample["filtered_resps"]], rtol=0, atol=1e-4)
    dialogue = scores(folder, items, "wizard_of_internet", "auto", max_length=512, new=32)
    assert dialogue["response"].tolist() == [sample["filtered_resps"][0] for sample in found["gap_wizard_of_internet"]]


def test_sentence_piece_has_no_token_that_the_text_has_not() -> None:
    tokenizer = sentence_piece()
    assert not spells_alike(tokenizer) and spells_alike(byte_level({"eos_token": "</s>"}))
    [(context, answer)] = encode_pairs(tokenizer, [("the cat", " sat on")])
    assert tokenizer.convert_ids_to_tokens(answer)[0] == "▁sat" and (tuple(context), tuple(answer)) == together(
        "the cat", " sat on", tokenizer
    )
    assert len(tokenizer.encode(" sat on", add_special_tokens=False)) > len(answer)
    [(context, answer)] = encode_pairs(tokenizer, [("the cat ", "sat")])
    assert tokenizer.decode(context + answer) == "the cat sat"
    assert encode_pairs(tokenizer, []) == []


def test_one_opening_token_for_all() -> None:
    bos, eos = (byte_level(special) for special in ({"bos_token": "<s>", "eos_token": "</s>"}, {"eos_token": "</s>"}))
    assert (opening_id(bos), opening_id(eos)) == (0, 2)
    assert with_opening(eos)("the")["input_ids"][0] == 2


def test_a_tokenizer_without_any_is_refused_everywhere(models: Any, tmp_path: Path, items: dict[str, Path]) -> None:
    models("opt").save_pretrained(tmp_path / "m")
    byte_level({}).save_pretrained(tmp_path / "m")
    assert load_tokenizer(tmp_path / "m").bos_token_id is None
    for scorer in ("auto", "lm-eval"):
        for task in items:
            with pytest.raises(BadInput, match="neither bos_token nor eos_token"):
                scores(tmp_path / "m", items, task, scorer)
    tiny.texts_table(tmp_path / "texts.parquet", "some", [WORDS])
    job = PosttrainJob(model="m", method="gap", settings=tiny.method(), updates=1, runs=[RunId(run="r", corpus="some", text=0)])
    with pytest.raises(BadInput, match="neither bos_token nor eos_token"):
        posttrain(job, tmp_path / "m", {"some": tmp_path / "texts.parquet"}, tmp_path / "runs/r.parquet", CPU)
    shutil.rmtree(tmp_path / "m")
