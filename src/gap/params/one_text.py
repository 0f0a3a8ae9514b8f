"""The settings of an update where no params.yaml is read: the paper's, in fp32, and what a user lays over them (a test compares them)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gap.core.errors import BadInput
from gap.params.load import lay_over
from gap.params.methods import Gap, Method

#: Key ``gap`` of study `paper`, but for ``precision``: fp32 asks for no GPU.
PAPER: dict[str, Any] = {
    "direction": {"kind": "ascent"},
    "objective": {"kind": "nll"},
    "optimizer": {"kind": "adam", "betas": [0.9, 0.98], "eps": 1e-8, "weight_decay": 0.0, "implementation": "foreach"},
    "learning_rate": 5e-5,
    "rates": {"kind": "uniform"},
    "texts_per_update": 1,
    "max_tokens": 512,
    "precision": "fp32",
    "loss_scale": 65536.0,
    "updates": 15,
    "texts": 1,
}
#: Keys that say how many texts; here there is one.
COUNTS_OF_TEXTS = ("texts", "texts_per_update")
#: What a user may give.
ALLOWED = [key for key in Gap.model_fields if key not in COUNTS_OF_TEXTS]


def one_text_method(settings: Mapping[str, Any]) -> Method:
    """The paper's method with ``settings`` laid over it: keys of ``gap`` in params.yaml; a kind's name may stand for ``{kind: name}``.

    Raises
    ------
    BadInput: an unknown key, or a value that it does not take.
    """
    given = {
        key: {"kind": value} if isinstance(PAPER.get(key), dict) and isinstance(value, str) else value for key, value in settings.items()
    }
    for key in given:
        if key not in ALLOWED:
            raise BadInput(f"setting {key!r}", "an unknown key", f"one of {ALLOWED}", "Remove it or correct its spelling.")
    try:
        return Method.model_validate({"gap": lay_over(PAPER, given)})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"][1:]))  # behind `gap`
        cure = "Correct it; docs/params.schema.json describes every key of `gap`."
        raise BadInput(f"setting {key!r}", f"{first['input']!r}", first["msg"], cure) from error
