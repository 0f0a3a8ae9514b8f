"""The texts of a corpus, from a text to the token ids of a run, how long texts may be, and the tokens that end one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gap.core.errors import BadInput
from gap.core.tables import read_table
from gap.models.tokenizer import opening_id
from gap.params.runs import RunId, TextId

if TYPE_CHECKING:
    from torch import Tensor

    from gap.params.methods import Gap

#: What OPT puts in front of every text, and one token to predict.
MIN_TOKENS = 2
#: What configurations call the longest sequence (MPT: max_seq_len).
LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len")


def max_positions(model: Any) -> int:
    """Longest sequence that the model has positions for (a very large number where it says nothing)."""
    return int(next((length for name in LENGTHS if (length := getattr(model.config, name, None))), 2**31))


def check_max_length(max_length: int, model: Any) -> None:
    """Hold a context with its continuation, ``max_length`` tokens at most, to the model's positions: the last token is not fed.

    Raises
    ------
    BadInput: the model has too few.
    """
    positions = max_positions(model)
    if max_length - 1 > positions:
        shown = f"{max_length} for a model of {positions} positions"
        raise BadInput("evaluate.max_length", shown, f"at most {positions + 1}", "Lower it.")


def prompt_limit(max_length: int, new_tokens: int, model: Any) -> int:
    """Tokens of the longest prompt: ``max_length`` as the authors have it, less where the model has no positions for the answer.

    Raises
    ------
    BadInput: the model has too few positions for any prompt.
    """
    # the last new token is never fed
    positions = max_positions(model)
    limit = min(max_length, positions - (new_tokens - 1))
    if limit < 2:
        given = f"{new_tokens} new tokens for a model of {positions} positions"
        cure = "Lower it, or train a model with a longer context."
        raise BadInput("evaluate.max_new_tokens", given, "less than the model's positions", cure)
    return limit


def read_texts(users: Sequence[RunId | TextId], corpora: dict[str, Path]) -> dict[tuple[str, int], str]:
    """(corpus, index) -> text of all texts of the corpora that ``users`` name.

    Raises
    ------
    BadInput: a corpus was not given, or lacks a text.
    """
    texts: dict[tuple[str, int], str] = {}
    needed = dict.fromkeys(place for user in users for place in user.needed)
    for corpus in dict.fromkeys(corpus for corpus, _ in needed):
        if corpus not in corpora:
            raise BadInput(f"corpus {corpus}", "no file", f"one of {sorted(corpora)}", f"Pass --corpus {corpus}=FILE.")
        table = read_table(corpora[corpus], "texts", columns=["text", "string"])
        texts |= {(corpus, int(index)): string for index, string in zip(table["text"], table["string"], strict=True)}
    for corpus, index in needed:
        if (corpus, index) not in texts:
            count = sum(1 for name, _ in texts if name == corpus)
            raise BadInput(str(corpora[corpus]), f"no text {index}", f"texts 0 to {count - 1}", "Lower gap.texts, or sample more texts.")
    return texts


def strings_of(run: RunId, texts: Mapping[tuple[str, int], str]) -> tuple[list[list[str]], list[list[str]]]:
    """The texts of a run, and those that it retains (direction ``retain``, else none), each in the shape of ``RunId.texts``."""
    own = [[texts[run.corpus, index] for index in update] for update in run.texts]
    return own, [[texts[run.retained.corpus, index] for index in update] for update in run.retained.texts] if run.retained else []


def texts_identity(run: RunId, texts: Mapping[tuple[str, int], str]) -> list[Any]:
    """What a run's texts add to its identity: its corpus and texts, and where it retains others, these too."""
    own, retained = strings_of(run, texts)
    return [run.corpus, own] + ([run.retained.corpus, retained] if run.retained else [])


def encode_text(tokenizer: Any, text: str, max_tokens: int, positions: int) -> Tensor:
    """Token ids of a run, int64 [n]: the opening token, then the text, cut at ``max_tokens`` in total.

    As in the authors' code the text goes through OPT's tokenizer, which puts ``</s>`` (id 2) in front; source and
    target are the same ids, so n - 1 of them are predicted.

    Parameters
    ----------
    positions: the longest sequence that the model takes (``max_positions``).

    Raises
    ------
    BadInput: the text has no token, or more than the model has positions; the tokenizer has no opening token.
    """
    import torch

    ids = [opening_id(tokenizer), *tokenizer.encode(text, add_special_tokens=False)][:max_tokens]
    shown = repr(text if len(text) <= 40 else f"{text[:40]}...")
    if len(ids) < MIN_TOKENS:
        raise BadInput(f"text {shown}", "no token", "a text of at least one token", "Remove the text from its corpus.")
    if len(ids) > positions:
        raise BadInput(
            f"text {shown}",
            f"{len(ids)} tokens",
            f"at most {positions}, the model's positions",
            f"Set gap.max_tokens to {positions} or less.",
        )
    return torch.tensor(ids, dtype=torch.int64)


def run_ids(
    tokenizer: Any, run: RunId, texts: Mapping[tuple[str, int], str], gap: Gap, model: Any
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Token ids of the texts of a run and of those that it retains, as ``strings_of`` has them; ``texts`` maps (corpus, index) to the text.

    Raises
    ------
    BadInput: as ``encode_text``.
    """
    positions = max_positions(model)

    def encoded(strings: list[list[str]]) -> list[list[Tensor]]:
        return [[encode_text(tokenizer, text, gap.max_tokens, positions) for text in update] for update in strings]

    own, retained = strings_of(run, texts)
    return encoded(own), encoded(retained)


def eos_ids(model: Any) -> tuple[int, ...]:
    """Tokens that end a greedy answer, as ``generate`` has them; without any that the vocabulary lacks, which no answer can hold."""
    ids = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ids = model.config.eos_token_id if ids is None else ids
    return tuple(token for token in (ids if isinstance(ids, list | tuple) else [ids]) if token in range(model.config.vocab_size))


def until(answer: Sequence[int], ends: Collection[int]) -> list[int]:
    """The answer up to and with the first end token."""
    return list(answer[: next((count for count, token in enumerate(answer, 1) if token in ends), len(answer))])
