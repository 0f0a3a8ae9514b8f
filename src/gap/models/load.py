"""Opening a base model for post-training or scoring, the same way everywhere: fp32, no dropout, deterministic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.checksums import check_sums, known_digest
from gap.core.digest import digest
from gap.core.errors import BadInput, first_line, refusing
from gap.core.files import read_object
from gap.models.quiet import quiet_transformers
from gap.models.tokenizer import TOKENIZER_FILES
from gap.runtime.process_group import broadcast_from_first, in_turn, is_first

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

#: Names of weight files, the preferred first.
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
#: Ends of names of what old checkpoints keep beside the weights, and models compute anew.
BUFFERS = ("inv_freq", "masked_bias", "attn.bias", "attention.bias", "position_ids")


def load_model(folder: Path, device: str | torch.device = "cpu") -> PreTrainedModel:
    """The causal language model in ``folder``: fp32 weights, eval mode, every dropout 0, gradients on.

    In a process group each process gets its share; they load one after the other, so that the host holds the whole model once.

    Raises
    ------
    BadInput: no config.json, no weights, a weight file that is cut off or corrupt, weights that do not fit the config, a file
        that has changed since the folder was made (SHA256SUMS); a model that is not causal.
    """
    import torch

    from gap.models.causality import check_causal
    from gap.models.sharding import shard_model

    config = load_config(folder)
    weights = check_weights(folder)
    if is_first():
        check_sums([folder / "config.json", folder / "generation_config.json", *weight_files(weights)])

    def load() -> PreTrainedModel:
        model: Any = _from_folder(folder, config)
        return shard_model(model.to(dtype=torch.float32).eval().requires_grad_(True), torch.device(device))

    model = in_turn(load)
    check_causal(model, str(folder))
    return model


def model_identity(folder: Path) -> str:
    """Digest of what a folder holds of a model: configuration, weights and tokenizer, file by file.

    Raises
    ------
    BadInput: no weights.
    """

    def read() -> str:
        names = ["config.json", "generation_config.json", *TOKENIZER_FILES]
        paths = [path for name in names if (path := folder / name).exists()] + weight_files(check_weights(folder))
        return digest({path.name: known_digest(path) for path in paths}, 24)

    return broadcast_from_first(read)


def load_config(folder: Path) -> PretrainedConfig:
    """The model's configuration, with every dropout set to 0.

    Raises
    ------
    BadInput: there is none, or of an unknown kind.
    """
    path = folder / "config.json"
    if not path.exists():
        raise BadInput(str(folder), "no config.json", "a Hugging Face model folder", "Point at the folder that holds config.json.")
    kind = read_object(path, "Fetch or build the model again.").get("model_type")
    with refusing(str(path), "not a configuration transformers can read", "a causal language model", "Use another model."):
        if kind == "opt":  # the whole library takes seconds to import, one model family less
            from transformers.models.opt.configuration_opt import OPTConfig

            config: Any = OPTConfig.from_pretrained(folder)
        else:
            from transformers import AutoConfig

            config = AutoConfig.from_pretrained(folder)
    if getattr(config, "quantization_config", None):
        raise BadInput(str(path), "quantised weights", "weights in fp32, bf16 or fp16", "Use the model before it was quantised.")
    if not hasattr(config, "vocab_size"):
        found, cure = "a model of more than text (no vocab_size)", "Use its text model, in a folder of its own."
        raise BadInput(str(path), found, "a language model", cure)
    for name, value in vars(config).items():
        if "drop" in name and isinstance(value, int | float) and not isinstance(value, bool):
            setattr(config, name, 0.0)
    return config


def check_weights(folder: Path) -> Path:
    """The weight file (or index) that will be read, after a look at every safetensors file.

    Raises
    ------
    BadInput: no weights, a missing part, or a safetensors file that is cut off or corrupt.
    """
    weights = next((folder / name for name in WEIGHTS if (folder / name).exists()), None)
    if weights is None:
        raise BadInput(
            str(folder), "no weights", f"one of {', '.join(WEIGHTS)}", "Copy the model's weights there (flax and tf weights are not read)."
        )
    for path in weight_files(weights):
        if not path.exists():
            raise BadInput(str(path), "no such file", f"every file that {weights.name} names", "Copy the missing part of the weights.")
        if path.suffix == ".safetensors":
            _check_safetensors(path)
    return weights


def weight_files(path: Path) -> list[Path]:
    """The files behind a weight file or an index.

    Raises
    ------
    BadInput: an index names no file, or one outside its folder.
    """
    if path.suffix != ".json":
        return [path]
    named = read_object(path).get("weight_map")
    names = list(named.values()) if isinstance(named, dict) else []
    strange = [name for name in names if not isinstance(name, str) or name in ("", "..") or Path(name).name != name]
    if strange or not names:
        found = repr(strange[0]) if strange else "no names of weights"
        raise BadInput(f"{path}, weight_map", found, "names of files beside it", "Do not use this model, or mend its index.")
    return [path.parent / name for name in sorted(set(names))]


def _check_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stream:
            stream.keys()
    except (SafetensorError, OSError) as error:
        raise BadInput(
            str(path), f"corrupt or cut off ({first_line(error)})", "a whole safetensors file", "Remove it and run again."
        ) from error


def _family(config: PretrainedConfig) -> Any:
    if config.model_type == "opt":
        from transformers.models.opt.modeling_opt import OPTForCausalLM

        return OPTForCausalLM
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM


def _from_folder(folder: Path, config: PretrainedConfig) -> PreTrainedModel:
    import torch

    again = "Fetch or build the model again."
    with quiet_transformers(), refusing(str(folder), "weights that cannot be loaded", "weights that fit config.json", again):
        # what it would warn of is checked below
        loaded: Any = _family(config).from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    model, info = loaded
    surplus = [name for name in info["unexpected_keys"] if not name.endswith(BUFFERS)]
    for names, found, allowed in (
        (info["missing_keys"], "no weights for", "a value for every parameter"),
        (surplus, "weights that the configuration has no place for:", "the config.json that belongs to the weights, with all its layers"),
    ):
        if names:
            first, *more = sorted(names)
            shown = f"{found} {first}" + (f" and {len(more)} more" if more else "")
            raise BadInput(str(folder), shown, allowed, again)
    return model
