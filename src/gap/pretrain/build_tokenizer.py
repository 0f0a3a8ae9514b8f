"""Building a byte-level BPE tokenizer with OPT's special tokens: trained, or from vocab.json and merges.txt, a folder, a model or the hub.

OPT uses one token, ``</s>`` (id 2), to begin and to end a text, and puts it in front of everything it encodes.  The
pipeline encodes without special tokens and adds the id itself; the folder written here behaves as OPT's for others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from gap.core.checksums import record_of
from gap.core.errors import BadInput, refusing
from gap.core.files import read_json, read_object, write_json
from gap.core.folder import filling
from gap.core.locations import existing
from gap.fetch.origin import Origin
from gap.models.tokenizer import opening_id
from gap.params.existing import HubModel
from gap.params.sources import Source
from gap.params.tokenizers import TokenizerFiles, TokenizerHub, TokenizerJob, TokenizerLocal, TokenizerTrained
from gap.pretrain.existing import with_tokenizer
from gap.pretrain.mixture import shares, training_texts
from gap.runtime.provenance import write_provenance

#: OPT's first four ids.
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>")
EOS, PAD = "</s>", "<pad>"
SPECIAL_TOKENS_MAP = {"bos_token": EOS, "eos_token": EOS, "unk_token": EOS, "pad_token": PAD}
TOKENIZER_CONFIG = {
    **SPECIAL_TOKENS_MAP,
    "tokenizer_class": "GPT2Tokenizer",
    "add_prefix_space": False,
    "add_bos_token": True,
    "errors": "replace",
    "clean_up_tokenization_spaces": False,
}
PROBE = "Hello, world!\n\tΣ = 日本 ½"

Vocabulary = dict[str, int]
Merges = list[tuple[str, str]]


@dataclass(frozen=True)
class Target:
    """The folder to fill, and what its provenance record says."""

    out: Path
    job: TokenizerJob
    origins: tuple[Origin, ...] = ()

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """As ``gap.core.folder.filling``; the record is among the files."""
        with filling(self.out, "tokenizer.json") as folder:
            yield folder
            fetched = list(map(asdict, self.origins))
            write_provenance(record_of(folder / "tokenizer.json"), "tokenizers", self.job.model_dump(mode="json"), fetched=fetched)


def build_tokenizer(job: TokenizerJob, out: Path) -> None:
    """Write the tokenizer's folder; ``AutoTokenizer.from_pretrained(out)`` reads it offline.

    Raises
    ------
    BadInput: files are missing or not an OPT-style vocabulary, or the sources hold no text.
    Unavailable: a mirror or the hub is out of reach.
    Refused: a file is not the one that the hub lists.
    """
    settings, target = job.tokenizer, Target(out, job)
    if isinstance(settings, TokenizerTrained):
        _write(*train(mixed_texts(settings.mixture, job.sources, settings.max_bytes, job.seed), settings.vocab_size), target)
    elif isinstance(settings, TokenizerFiles):
        _write(*read_files(existing(settings.path)), target)
    elif isinstance(settings, TokenizerLocal):
        _of_model(existing(settings.path), settings.path, target)
    elif isinstance(settings, TokenizerHub):
        model = HubModel.model_validate(settings.model_dump())
        with with_tokenizer(model) as found:
            _of_model(found.folder, settings.id, Target(out, job, found.origins))
    else:
        assert job.model is not None, "as the plan gives it"
        with with_tokenizer(job.model) as found:
            _of_model(found.folder, f"of model {settings.model}", Target(out, job, found.origins))


def mixed_texts(mixture: dict[str, float], sources: dict[str, Source], max_bytes: int, seed: int) -> Iterator[str]:
    """Training texts of every source, each cut at its share of ``max_bytes`` (UTF-8 bytes)."""
    for name, share in shares(mixture).items():
        left = int(max_bytes * share)
        for text in training_texts(sources[name], seed):
            size = len(text.encode("utf-8", "replace"))
            yield text if size <= left else text[: left * len(text) // size]
            left -= size
            if left <= 0:
                break


def train(texts: Iterable[str], vocab_size: int) -> tuple[Vocabulary, Merges]:
    """Train byte-level BPE; ids 0 to 3 are OPT's special tokens, then come the 256 bytes, then the merges.

    Raises
    ------
    BadInput: there is no text.
    """
    texts = list(texts)
    if not any(texts):
        raise BadInput("tokenizer", "sources without text", "at least one training document", "Correct the sources in params.yaml.")
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=list(SPECIAL_TOKENS), initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(texts, trainer=trainer, length=len(texts))
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [(left, right) for left, right in model["merges"]]


def read_files(folder: Path) -> tuple[Vocabulary, Merges]:
    """Read ``vocab.json`` and ``merges.txt``.

    Raises
    ------
    BadInput: a file is missing or unreadable, a special token is missing, an id is no number of its own, or a merge does not fit the
        vocabulary.
    """
    vocabulary = read_json(folder / "vocab.json")
    path = folder / "merges.txt"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"not a readable text file ({error})"
        raise BadInput(str(path), problem, "merges of a byte-level BPE", "Correct the tokenizer's path.") from error
    for token in (EOS, PAD):
        if not isinstance(vocabulary, dict) or token not in vocabulary:
            raise BadInput(str(folder / "vocab.json"), f"no token {token!r}", "an OPT-style vocabulary", "Use OPT's vocab.json.")
    tokens: dict[object, str] = {}
    for token, number in vocabulary.items():
        if type(number) is not int or not 0 <= number < 2**32 or tokens.setdefault(number, token) != token:
            allowed = "a whole number from 0 for each token, another for each"
            raise BadInput(str(folder / "vocab.json"), f"token {token!r} has the id {number!r}", allowed, "Use OPT's vocab.json.")
    merges = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#version"):
            continue
        left, _, right = line.strip("\r").partition(" ")
        if left + right not in vocabulary or left not in vocabulary or right not in vocabulary:
            allowed = "two tokens of vocab.json whose join is one"
            raise BadInput(f"{path}, line {number}", f"the merge {line!r}", allowed, "Use the two files of one tokenizer.")
        merges.append((left, right))
    return vocabulary, merges


def assemble(vocabulary: Vocabulary, merges: Merges) -> Tokenizer:
    """The tokenizer: byte level, no space put in front, ``</s>`` in front of each text encoded with special tokens.

    As in OPT only ``</s>`` and ``<pad>`` are recognised inside a text; ``<s>`` and ``<unk>`` have ids but never match.
    """
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.TemplateProcessing(
        single=f"{EOS} $A", pair=f"{EOS} $A {EOS} $B", special_tokens=[(EOS, vocabulary[EOS])]
    )
    backend.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in (PAD, EOS)])
    return backend


def _write(vocabulary: Vocabulary, merges: Merges, target: Target) -> None:
    backend = assemble(vocabulary, merges)
    ids = backend.encode(PROBE).ids
    if ids[:1] != [vocabulary[EOS]] or backend.decode(ids) != PROBE:
        raise BadInput(
            str(target.out), "a vocabulary that cannot spell every byte", "byte-level BPE", "Use OPT's vocab.json and merges.txt."
        )
    with target.filling() as folder:
        write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
        write_json(folder / "special_tokens_map.json", SPECIAL_TOKENS_MAP)
        backend.save(str(folder / "tokenizer.json"))


def _of_model(folder: Path, name: str, target: Target) -> None:
    """OPT's models hold vocab.json and merges.txt; any other tokenizer is kept as ``transformers`` reads it."""
    if not (folder / "tokenizer.json").exists() and _is_opt(folder):
        _write(*read_files(folder), target)
    else:
        _as_it_is(folder, name, target)


def _is_opt(folder: Path) -> bool:
    """Whether this is the folder of an OPT, whose tokenizer transformers would take for GPT-2's."""
    config = folder / "config.json"
    return (folder / "vocab.json").exists() and (not config.exists() or read_object(config).get("model_type") == "opt")


def _as_it_is(source: Path, name: str, target: Target) -> None:
    """The tokenizer of the folder ``source`` as ``transformers`` reads it; ``name`` is that of the error."""
    from transformers import AutoTokenizer

    allowed = "tokenizer.json, or the files that one is made from"
    with refusing(f"tokenizer {name}", "no tokenizer that transformers can read", allowed, "Name another tokenizer."):
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=True)
    opening_id(tokenizer)
    with target.filling() as folder:
        tokenizer.save_pretrained(folder)
