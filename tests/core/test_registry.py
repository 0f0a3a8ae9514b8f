"""Extension points: modules that register settings and a function by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from gap.aggregate.policies import Policy
from gap.core.discovery import Catalogue
from gap.core.errors import BadInput
from gap.core.registry import Registry
from gap.core.settings import Settings

MODULE = """
from typing import Literal
from gap.core.settings import Settings
from {package} import KINDS

class {name}(Settings):
    kind: Literal["{kind}"]
    factor: float

@KINDS.register({name})
def use(settings, value):
    return value * settings.factor
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"extensions_{tmp_path.name.replace('-', '_')}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(f"from gap.core.registry import Registry\nKINDS = Registry({name!r})\n")
    for kind in ("twice", "half"):
        (tmp_path / name / f"{kind}.py").write_text(MODULE.format(package=name, name=kind.title(), kind=kind))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


def test_every_module_of_the_package_is_found(package: str) -> None:
    kinds = __import__(package).KINDS
    assert list(kinds.entries) == ["half", "twice"]
    assert kinds.entries["half"].module == f"{package}.half"


def test_settings_choose_the_function(package: str) -> None:
    kinds = __import__(package).KINDS
    settings = TypeAdapter(kinds.union()).validate_python({"kind": "half", "factor": 0.5})
    assert type(settings).__name__ == "Half"
    assert kinds.of(settings).function(settings, 8) == 4


def test_an_unknown_kind_is_refused_and_the_known_ones_named(package: str) -> None:
    with pytest.raises(ValidationError, match="'half', 'twice'"):
        TypeAdapter(__import__(package).KINDS.union()).validate_python({"kind": "third", "factor": 1})


def test_a_name_is_given_once_and_must_be_literal() -> None:
    class Named(Settings):
        kind: Literal["named"]

    class Loose(Settings):
        kind: str

    registry: Registry = Registry("gap.core")
    registry.register(Named)(lambda settings: None)
    with pytest.raises(BadInput, match=rf"{__name__}, Named\.kind: 'named', which {__name__} has too\..* taken are \['named'\]"):
        registry.register(Named)
    with pytest.raises(BadInput, match=r"Loose\.kind: \(\)\. Allowed: a Literal of one name"):
        registry.register(Loose)


def test_two_items_of_one_name_are_refused() -> None:
    catalogue: Catalogue[Policy] = Catalogue("gap.aggregate.policies")
    catalogue.add(Policy("mine", lambda values, stopped: 0))
    with pytest.raises(BadInput, match=r"two modules that register 'mine'\. .* taken are \['mine'\]"):
        catalogue.add(Policy("mine", lambda values, stopped: 1))
