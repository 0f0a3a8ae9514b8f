"""What study ``paper`` reads from the hub, for ``loopback_hub``: OPTs of random weights, and the data sets of the real items.

A narrow OPT has the depth, the kind of layers and the vocabulary of the real one, and a fraction of its width.  Data sets have the hub's
file names and columns; what the copies of the items at hand lack of a column is filled in.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from loopback_hub import File, Repository

from gap.core.files import read_jsonl
from gap.tasks.registry import TASKS

#: Of the OPTs: hidden size, layers, heads.  The feed-forward width is four times the hidden one.
SHAPES = {
    "facebook/opt-125m": (768, 12, 12),
    "facebook/opt-350m": (1024, 24, 16),
    "facebook/opt-1.3b": (2048, 24, 32),
    "facebook/opt-2.7b": (2560, 32, 32),
    "facebook/opt-6.7b": (4096, 32, 32),
}
#: Columns of the hub that the copies of the items lack, by data set.
FILLED: dict[str, dict[str, Any]] = {
    "Rowan/hellaswag": {"ind": 0, "ctx_a": "", "ctx_b": "", "source_id": "", "split": "val", "split_type": "indomain"}
}
LICENCES = {"allenai/ai2_arc": "license:\n- cc-by-sa-4.0\n", "Rowan/hellaswag": "license: mit\n", "allenai/math_qa": ""}


def opt_config(id: str, width: int = 1) -> dict[str, Any]:
    """The configuration of a real OPT, ``width`` times as narrow; 350M alone normalises behind its blocks and projects its embeddings."""
    hidden, layers, heads = SHAPES[id]
    post_norm = id == "facebook/opt-350m"
    return {
        "model_type": "opt",
        "architectures": ["OPTForCausalLM"],
        "activation_function": "relu",
        "attention_dropout": 0.0,
        "dropout": 0.1,
        "layerdrop": 0.0,
        "init_std": 0.02,
        "bos_token_id": 2,
        "eos_token_id": 2,
        "pad_token_id": 1,
        "prefix": "</s>",
        "vocab_size": 50272,
        "max_position_embeddings": 2048,
        "hidden_size": hidden // width,
        "word_embed_proj_dim": (512 if post_norm else hidden) // width,
        "ffn_dim": 4 * hidden // width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, heads // width),
        "do_layer_norm_before": not post_norm,
        "_remove_final_layer_norm": False,
        "torch_dtype": "float16",
        "use_cache": True,
    }


def model_repository(id: str, revision: str, mirror: Path, folder: Path, width: int = 1) -> Repository:
    """An OPT as its repository has it: fp16 weights as a PyTorch file (6.7B: in two, with an index), OPT's tokenizer files, a card."""
    import torch
    from transformers.models.opt.configuration_opt import OPTConfig
    from transformers.models.opt.modeling_opt import OPTForCausalLM

    folder.mkdir(parents=True)
    config = opt_config(id, width)
    torch.manual_seed(0)
    weights = OPTForCausalLM(OPTConfig(**config)).half().state_dict()
    weights.pop("lm_head.weight")  # tied
    (folder / "config.json").write_text(json.dumps(config))
    if id == "facebook/opt-6.7b":
        names = sorted(weights)
        parts = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
        places = {name: file for file, held in parts.items() for name in held}
        total = sum(weight.numel() * 2 for weight in weights.values())
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": places}))
    else:
        parts = {"pytorch_model.bin": list(weights)}
    for file, held in parts.items():
        torch.save({name: weights[name] for name in held}, folder / file)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).write_bytes((mirror / "tokenizer/opt" / name).read_bytes())
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"errors": "replace", "add_bos_token": True, "tokenizer_class": "GPT2Tokenizer"})
    )
    (folder / "special_tokens_map.json").write_text(
        json.dumps({"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"})
    )
    (folder / "generation_config.json").write_text(json.dumps({"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}))
    (folder / "README.md").write_text("---\nlicense: other\n---\n# OPT\n")
    (folder / "flax_model.msgpack").write_bytes(b"not read")
    return Repository("models", id, revision, {path.name: File(path) for path in sorted(folder.iterdir())})


def dataset_repositories(mirror: Path, folder: Path, rows: int | None = None) -> list[Repository]:
    """The data sets that tasks pin, of the first ``rows`` items of each file; several tasks may share one."""
    files: dict[tuple[str, str], dict[str, File]] = {}
    for task in TASKS.values():
        if task.hub is None or task.hub.revision is None:
            continue
        held = files.setdefault((task.hub.dataset, task.hub.revision), {})
        for split in task.splits:
            source = mirror / "tasks" / task.folder / f"{split}.jsonl"
            out = folder / task.hub.dataset / task.hub.file(split)
            out.parent.mkdir(parents=True, exist_ok=True)
            filled = FILLED.get(task.hub.dataset, {})
            pq.write_table(pa.Table.from_pylist([{**filled, **row} for row in read_jsonl(source)[:rows]]), out)
            held[task.hub.file(split)] = File(out)
    for (dataset, _), held in files.items():
        stated = LICENCES.get(dataset, "license: apache-2.0\n")
        if stated:
            held["README.md"] = File(f"---\n{stated}---\n".encode())
    return [Repository("datasets", dataset, revision, held) for (dataset, revision), held in files.items()]


def pinned_models(params: Path, study: str) -> dict[str, str]:
    """id -> revision of the hub models of a study."""
    models = yaml.safe_load(params.read_text())["studies"][study]["models"].values()
    return {model["id"]: model["revision"] for model in models if model["kind"] == "hub"}


#: A module for the front of PYTHONPATH: processes that no fetching command has started may open no connection.
GUARD = """
import os, socket, sys

connect = socket.socket.connect
FETCHING = ("fetch-items", "tokenizer", "model")

def guarded(self, address, *rest):
    words = [os.path.basename(sys.argv[0] if sys.argv else ""), *sys.argv[1:2]]
    if self.family in (socket.AF_INET, socket.AF_INET6):
        allowed = os.environ["GUARD_ALLOWS"] == "fetching" and words[0] == "gap" and words[1:] and words[1] in FETCHING
        with open(os.environ["GUARD_LOG"], "a") as log:
            log.write(("allowed" if allowed else "refused") + " " + " ".join(words) + chr(10))
        if not allowed:
            raise OSError("this process may open no connection")
    return connect(self, address, *rest)

socket.socket.connect = guarded
"""
