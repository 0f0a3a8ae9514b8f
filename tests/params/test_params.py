"""params.yaml: the shipped studies are valid, wrong values are explained, the editor schema is current."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gap.core.errors import BadInput
from gap.params.json_schema import params_schema
from gap.params.load import lay_over, load_study, resolve, with_methods, words_of
from gap.tasks.registry import TASKS
from gap.tasks.task import Task

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(path: str, value: Any, drop: bool = False) -> dict[str, Any]:
    tree = copy.deepcopy(RAW)
    *outer, last = path.split(".")
    place = tree
    for part in outer:
        place = place[part]
    if drop:
        del place[last]
    else:
        place[last] = value
    return tree


COPY = {"kind": "copy", "alphabet": "abc", "shortest": 4, "longest": 9}
CODE: dict[str, Any] = {"kind": "procedural", "generator": COPY, "documents": 9, "lines": 9, "heldout": 0.0}
MISSPELT = CODE | {"generator": COPY | {"longst": 8}}
SHORT = CODE | {"generator": COPY | {"longest": 2}}
OTHER = CODE | {"generator": COPY | {"kind": "kopie"}}


@pytest.mark.parametrize("study", ["demo", "mini", "paper"])
def test_shipped_studies_are_valid(study: str) -> None:
    assert load_study(ROOT / "params.yaml", {"study": study}).name == study


def test_the_paper_study_holds_the_papers_settings() -> None:
    study = load_study(ROOT / "params.yaml", {"study": "paper"})
    assert list(study.methods) == ["ascent"]
    gap, adam = study.methods["ascent"].gap, study.methods["ascent"].gap.optimizer
    assert gap == study.gap and study.methods["ascent"].transforms == []
    assert (gap.direction.kind, gap.objective.kind, gap.rates.kind, gap.texts_per_update) == ("ascent", "nll", "uniform", 1)
    assert (gap.learning_rate, adam.kind, adam.betas, adam.eps, adam.weight_decay) == (5e-5, "adam", (0.9, 0.98), 1e-8, 0)
    assert (gap.precision, gap.loss_scale, gap.updates, gap.texts, gap.max_tokens) == ("fp16", 65536, 15, 100, 512)
    assert (study.evaluate.items, study.evaluate.max_new_tokens, len(study.tasks)) == (320, 32, 12)
    assert list(study.models) == ["opt-350m", "opt-1.3b", "opt-2.7b", "opt-6.7b"]
    assert [study.sources[corpus.source].name for corpus in study.corpora.values()] == ["TDEC", "CC", "Git"]


def test_no_default_hides_from_dvc() -> None:
    """Every key with a default in the models is written out in params.yaml, so that DVC sees its value."""
    for study in RAW["studies"]:
        resolved = resolve(RAW | {"study": study}).model_dump(mode="json")
        merged = with_methods(lay_over({k: v for k, v in RAW.items() if k not in ("study", "studies")}, RAW["studies"][study]))
        hidden = [
            f"{path} = {value!r}"
            for path, value in leaves(resolved)
            if path not in dict(leaves(merged)) and value not in (None, "", {}, []) and path != "name"
        ]
        assert not hidden


def leaves(tree: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        return [leaf for key, value in tree.items() for leaf in leaves(value, f"{path}.{key}".lstrip("."))]
    return [(path, tree)]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("gap.learning_rat", 1, ["'gap.learning_rat'", "unknown key", "learning_rate"]),
        ("gap.updates", -3, ["gap.updates", "-3", "greater than or equal to 1"]),
        ("gap.precision", "fp8", ["gap.precision", "'fp8'", "'fp32', 'bf16' or 'fp16'"]),
        ("gap.learning_rate", "fast", ["gap.learning_rate", "'fast'", "valid number"]),
        ("study", "nope", ["'nope'", "demo", "mini", "paper"]),
        ("studies.demo.models.nano-s.heads", 5, ["hidden_size 64 is not a multiple of heads 5"]),
        ("studies.demo.models.nano-s.wdith", 5, ["wdith", "hidden_size"]),
        ("studies.demo.models.nano-s.tokenizer", "bpe", ["models.nano-s.tokenizer", "'bpe'", "docs-bpe"]),
        ("studies.demo.corpora.seen.source", "dcos", ["corpora.seen.source", "'dcos'", "docs"]),
        ("studies.demo.sources.docs.kind", "stdlb", ["stdlb", "stdlib"]),
        (
            "studies.demo.methods.random.gap.direction.kind",
            "sideways",
            ["methods.random.gap.direction", "'sideways'", "'ascent', 'descent'"],
        ),
        ("studies.demo.methods.descent.gap.learning_rat", 1, ["methods.descent.gap.learning_rat", "unknown key", "learning_rate"]),
        ("studies.demo.methods.random.transforms", [{"kind": "lines", "alpha": 1, "gamma": 2}], ["random.transforms.0", "beta"]),
        ("studies.demo.methods.random.transforms", [{"kind": "line", "alpha": 1}], ["'line'", "'interpolation'", "'lines'"]),
        ("studies.demo.methods", {"Ascent!": {}}, ["methods.Ascent!", "pattern"]),
        ("studies.demo.methods", {}, ["methods", "at least 1"]),
        ("studies.demo.methods.soup.gap", {"texts_per_update": 2}, ["methods.soup", "combine and texts_per_update"]),
        ("studies.demo.methods.random.gap.texts_per_update", 3, ["methods.random", "gap.texts is 2"]),
        ("studies.demo.corpora.seen.metadata", "url", ["corpora.seen.metadata", "'url'", "'none', 'source' or 'title'"]),
        ("studies.demo.sources.code", MISSPELT, ["sources.code.procedural.generator.copy.longst", "unknown key", "longest", "alphabet"]),
        ("studies.demo.sources.code", CODE | {"lines": 0}, ["sources.code.procedural", "lines", "greater than 0"]),
        ("studies.demo.sources.code", SHORT, ["sources.code.procedural.generator.copy", "longest: 2 is less than shortest, 4"]),
        ("studies.demo.sources.code", OTHER, ["sources.code.procedural.generator", "kopie", "'copy', 'reverse'"]),
        ("describe.ngram", 0, ["describe.ngram", "0", "greater than or equal to 1"]),
        ("studies.demo.describe.continuation", 1, ["describe", "continuation: 1 tokens hold no 2-gram", "2 or more"]),
        ("describe.prefix", 4, ["'describe.prefix'", "unknown key", "prefixes"]),
        ("studies.demo.evaluate.items", 0, ["evaluate.items", "greater than or equal to 1"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(path: str, value: Any, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(changed(path, value))
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("study", "corpus", "metadata", "words"),
    [
        ("demo", "code", "title", ["corpora.code.metadata", "'code' of kind procedural names no titles", "stdlib", "`title_column`"]),
        ("paper", "cc", "source", ["corpora.cc.metadata", "the authors' texts are taken whole"]),
        ("paper", "cc", "title", ["corpora.cc.metadata", "the authors' texts are taken whole"]),
    ],
)
def test_a_line_that_the_source_cannot_have_is_refused(study: str, corpus: str, metadata: str, words: list[str]) -> None:
    tree = changed(f"studies.{study}.corpora.{corpus}.metadata", metadata) | {"study": study}
    tree["studies"]["demo"]["sources"]["code"] = CODE
    with pytest.raises(BadInput) as caught:
        resolve(tree)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_task_of_ones_own_without_a_wanted_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(name="plurals", files={"test": "plurals.parquet"}, splits=("test",))
    monkeypatch.setitem(TASKS.entries, "plurals", task)
    with pytest.raises(
        BadInput, match=r"\(study demo\): tasks: plurals has only the splits \['test'\]; name one of them in evaluate.splits"
    ):
        resolve(changed("studies.demo.tasks", ["copa", "plurals"]))


def test_a_missing_value_is_named() -> None:
    with pytest.raises(BadInput, match=r"gap\.learning_rate"):
        resolve(changed("gap.learning_rate", None, drop=True))
    with pytest.raises(BadInput, match=r"gap\.optimizer\.adam\.betas"):
        resolve(changed("gap.optimizer.betas", None, drop=True))


def test_a_file_that_is_not_there_or_not_yaml(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_study(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(BadInput, match="not YAML"):
        load_study(tmp_path / "params.yaml")


def test_the_editor_schema_is_generated_from_the_models() -> None:
    assert json.loads((ROOT / "docs/params.schema.json").read_text()) == params_schema()


def test_the_editor_schema_accepts_the_file_and_rejects_an_unknown_key() -> None:
    jsonschema.validate(RAW, params_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed("gap.learning_rat", 1), params_schema())


def test_laying_over_merges_mappings_and_replaces_the_rest() -> None:
    below = {"gap": {"a": 1, "b": 2}, "items": {"kind": "hub", "path": "x"}, "tasks": [1, 2]}
    above = {"gap": {"b": 3}, "items": {"kind": "miniature"}, "tasks": [3]}
    assert lay_over(below, above) == {"gap": {"a": 1, "b": 3}, "items": {"kind": "miniature"}, "tasks": [3]}


def test_another_kind_replaces_the_settings_of_the_one_below() -> None:
    below = {"optimizer": {"kind": "adam", "betas": [0, 0]}, "rates": {"kind": "layer_decay", "decay": 0.5}}
    above = {"optimizer": {"kind": "sgd", "momentum": 0.0}, "rates": {"decay": 0.9}}
    assert lay_over(below, above) == {"optimizer": {"kind": "sgd", "momentum": 0.0}, "rates": {"kind": "layer_decay", "decay": 0.9}}


def test_a_method_takes_the_shared_settings_and_its_own() -> None:
    methods = resolve(RAW | {"study": "demo"}).methods
    assert list(methods) == ["ascent", "descent", "random", "soup"]
    assert [method.gap.direction.kind for method in methods.values()] == ["ascent", "descent", "random", "ascent"]
    assert [method.gap.texts for method in methods.values()] == [4, 2, 2, 2]
    assert all(method.gap.learning_rate == 0.001 for method in methods.values())


def test_a_sweep_is_one_method_per_combination() -> None:
    sweep = {"learning_rate": [0.001, 0.0001], "optimizer": [{"kind": "sgd", "momentum": 0.0}, {"kind": "sign"}]}
    methods = resolve(changed("studies.demo.methods", {"rate": {"label": "rate", "sweep": sweep}})).methods
    assert list(methods) == ["rate-0.001-sgd", "rate-0.001-sign", "rate-0.0001-sgd", "rate-0.0001-sign"]
    assert [(one.gap.learning_rate, one.gap.optimizer.kind) for one in methods.values()] == [
        (0.001, "sgd"), (0.001, "sign"), (0.0001, "sgd"), (0.0001, "sign")]  # fmt: skip
    assert methods["rate-0.001-sgd"].label == "rate 0.001 sgd"


def swept(**sweep: Any) -> dict[str, Any]:
    return changed("studies.demo.methods", {"rate": {"label": "rate", "sweep": sweep}})


def test_values_of_one_kind_are_methods_of_their_own() -> None:
    optimizers = [{"kind": "sgd", "momentum": 0.0}, {"kind": "sgd", "momentum": 0.9}, {"kind": "sign"}]
    methods = resolve(swept(optimizer=optimizers)).methods
    assert list(methods) == ["rate-sgd-momentum-0.0", "rate-sgd-momentum-0.9", "rate-sign"]
    assert [getattr(one.gap.optimizer, "momentum", None) for one in methods.values()] == [0.0, 0.9, None]
    assert [one.label for one in methods.values()] == ["rate sgd-momentum-0.0", "rate sgd-momentum-0.9", "rate sign"]
    betas = [{"betas": [0.9, 0.98]}, {"betas": [0.5, 0.98]}]
    assert list(resolve(swept(optimizer=betas, learning_rate=[1e-5])).methods) == [
        "rate-betas-0.9-0.98-1e-05", "rate-betas-0.5-0.98-1e-05"]  # fmt: skip
    assert words_of([1e16, "1E16", True]) == ["1e16-1", "1e16-2", "true"]


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"rate": {"sweep": {"learning_rate": []}}}, ["params.yaml, key 'methods.rate.sweep.learning_rate'", "an empty list"]),
        ({"rate": {"sweep": {"updates": [2, 3, 2]}}}, ["methods.rate.sweep.updates", "2 twice"]),
        ({"rate": {"sweep": {"loss_scale": [2, 4]}}}, ["methods.rate-4: the same runs as methods.rate-2"]),
        ({"a": {"sweep": {"updates": [2]}}, "a-2": {"gap": {"updates": 5}}}, ["methods.a-2", "the name of another method too"]),
        ({"up": {}, "again": {"label": "another"}}, ["methods.again: the same runs as methods.up"]),
        ({"rate": {"sweep": {"learning_rate": 0.1}}}, ["methods.rate.sweep.learning_rate", "0.1", "list"]),
    ],
)
def test_a_sweep_without_effect_is_refused(methods: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(changed("studies.demo.methods", methods))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_empty_sweep_is_none() -> None:
    assert list(resolve(changed("studies.demo.methods", {"up": {"sweep": {}}})).methods) == ["up"]
