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
from gap.params.load import lay_over, load_study, read_params, resolve, with_methods, words_of
from gap.tasks.registry import TASKS
from gap.tasks.task import Task

ROOT = Path(__file__).resolve().parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
#: A study one of whose methods reaches none of the steps that are scored.
SHORTER = RAW["studies"]["demo"] | {
    "methods": {"ascent": {}, "short": {"gap": {"updates": 1}}},
    "evaluate": RAW["studies"]["demo"]["evaluate"] | {"steps": [2, 3]},
}
RETAIN = {"kind": "retain", "corpus": "seen", "weight": 1.0}


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
#: A kind that has the name of one of its keys.
BRACKETS = {"kind": "brackets", "brackets": ["()"], "depht": 6, "depth": 6, "shortest": 8, "longest": 40}
SHORT = CODE | {"generator": COPY | {"longest": 2}}
OTHER = CODE | {"generator": COPY | {"kind": "kopie"}}


@pytest.mark.parametrize("study", ["demo", "small", "pilot", "paper"])
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
        own = [
            name
            for name in resolved.get("models", {})
            if name not in merged.get("tokenizers", {}) and resolved["models"][name]["tokenizer"] == name
        ]  # follow from the models
        derived = ("name", *(f"models.{name}.tokenizer" for name in own), *(f"tokenizers.{name}." for name in own))
        hidden = [
            f"{path} = {value!r}"
            for path, value in leaves(resolved)
            if path not in dict(leaves(merged)) and value not in (None, "", {}, []) and not path.startswith(derived)
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
        ("study", "nope", ["'nope'", "demo", "small", "pilot", "paper"]),
        ("studies.demo.models.nano-s.heads", 5, ["hidden_size 64 is not a multiple of heads 5"]),
        ("studies.demo.models.nano-s.wdith", 5, ["wdith", "hidden_size"]),
        ("studies.demo.models.nano-s.tokenizer", "bpe", ["models.nano-s.tokenizer", "'bpe'", "docs-bpe"]),
        ("studies.demo.corpora.seen.source", "dcos", ["corpora.seen.source", "'dcos'", "docs"]),
        ("studies.demo.sources.docs.kind", "stdlb", ["'sources.docs.kind' (study demo): 'stdlb'", "'stdlib'"]),
        (
            "studies.demo.methods.random.gap.direction.kind",
            "sideways",
            ["methods.random.gap.direction", "'sideways'", "'ascent', 'descent'"],
        ),
        ("studies.demo.methods.descent.gap.learning_rat", 1, ["methods.descent.gap.learning_rat", "unknown key", "learning_rate"]),
        ("studies.demo.methods.random.transforms", [{"kind": "lines", "alpha": 1, "gamma": 2}], ["random.transforms.0", "beta"]),
        ("studies.demo.methods.random.transforms", [{"kind": "line", "alpha": 1}], ["'line'", "'interpolation'", "'lines'"]),
        ("studies.demo.methods", {"Ascent!": {}}, ["key 'methods.Ascent!'", "for example to 'Ascent'", "letters a to z"]),
        ("studies.demo.methods", {}, ["methods", "at least 1"]),
        ("studies.demo.corpora", {}, ["corpora", "at least 1"]),
        (
            "studies.demo.methods",
            {"up": {"gap": 5, "sweep": {"updates": [2, 3]}}},
            ["'methods.up.gap' (study demo): 5", "a valid dictionary"],
        ),
        ("studies.demo.methods", {"up": {"label": ["x"], "sweep": {"updates": [2, 3]}}}, ["'methods.up.label'", "a valid string"]),
        (
            "studies.demo.methods.soup.combine",
            {"kind": "soup", "weight": 1},
            ["methods.soup.combine.weight", "unknown key", "keys ['kind']"],
        ),
        ("studies.demo.methods.soup.gap", {"texts_per_update": 2}, ["methods.soup", "combine and texts_per_update"]),
        ("studies.demo.methods.random.gap.texts_per_update", 3, ["methods.random", "gap.texts is 2"]),
        ("studies.demo.methods.random.gap.direction", RETAIN | {"corpus": "sene"}, ["random.gap.direction.corpus", "'sene'", "'seen'"]),
        ("studies.demo.methods.random.gap.direction", RETAIN | {"weight": 0}, ["random.gap.direction.weight", "greater than 0"]),
        ("studies.demo.methods", {"kept": {"gap": {"direction": RETAIN, "texts": 1}}}, ["kept", "on corpus seen", "is 1; set 2"]),
        ("studies.demo.corpora.seen.metadata", "url", ["corpora.seen.metadata", "'url'", "'none', 'source' or 'title'"]),
        ("studies.demo.sources.code", MISSPELT, ["'sources.code.generator.longst'", "unknown key", "longest", "alphabet"]),
        ("studies.demo.sources.code", CODE | {"generator": BRACKETS}, ["'sources.code.generator.depht'", "keys ['brackets', 'depth'"]),
        ("studies.demo.sources.code", CODE | {"lines": 0}, ["'sources.code.lines'", "greater than 0"]),
        ("studies.demo.sources.code", SHORT, ["'sources.code.generator'", "longest: 2 is less than shortest, 4"]),
        ("studies.demo.sources.code", OTHER, ["'sources.code.generator.kind'", ": 'kopie'. Allowed: one of", "'copy', 'reverse'"]),
        ("describe.ngram", 0, ["describe.ngram", "0", "greater than or equal to 1"]),
        ("studies.demo.describe.continuation", 1, ["describe", "continuation: 1 tokens hold no 2-gram", "2 or more"]),
        ("describe.prefix", 4, ["'describe.prefix'", "unknown key", "prefixes"]),
        ("evaluate.steps", [0, 1], ["evaluate.steps.0", "greater than or equal to 1"]),
        ("studies.demo.evaluate.steps", [2, 1], ["evaluate.steps", "[2, 1]", "ascending order, each once"]),
        ("studies.demo.evaluate.steps", [1, 1, 2], ["evaluate.steps", "ascending order, each once"]),
        ("studies.demo.evaluate.steps", [1, 4], ["evaluate.steps: 4", "more than 3 updates"]),
        ("studies.demo", SHORTER, ["evaluate.steps: begins at 2", "methods.short has 1 updates"]),
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
    with pytest.raises(BadInput, match=r"'gap\.optimizer\.betas'"):
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
    methods = dict(list(resolve(RAW | {"study": "demo"}).methods.items())[:4])  # what somebody adds stands behind them
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


NAMES = {"sources": "docs", "tokenizers": "docs-bpe", "models": "nano-s", "corpora": "seen", "methods": "soup"}


def renamed(part: str, name: Any) -> dict[str, Any]:
    """The parameters with an entry of the demo under another name."""
    tree = copy.deepcopy(RAW)
    entries = tree["studies"]["demo"][part]
    entries[name] = entries.pop(NAMES[part])
    return tree


@pytest.mark.parametrize("part", NAMES)
@pytest.mark.parametrize(
    ("name", "other"),
    [("facebook/opt-125m", "opt-125m"), ("two words", "two-words"), ("{x}", "x"), ("..", ""), ("größe", "gr-e"), (".a", "a"), (7, "7"),
     ("a" * 101, "a" * 100), ("a\n", "a")],
)  # fmt: skip
def test_every_name_follows_one_rule(part: str, name: Any, other: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(renamed(part, name))
    text = str(caught.value)
    assert f"key 'studies.demo.{part}" in text or f"key '{part}." in text
    assert f"the name {name!r}. Allowed: names of at most 100 letters" in text
    assert (f"for example to {other!r}" in text) if other else ("Rename it wherever" in text)


@pytest.mark.parametrize("name", ["1.3b", "OPT_350m", "a", "x" * 100])
def test_names_that_are_allowed(name: str) -> None:
    assert name in resolve(renamed("methods", name)).methods


FLOATS = [
    "gap.learning_rate", "gap.loss_scale", "evaluate.replay_tolerance", "describe.gradients_gib",
    "studies.demo.models.nano-s.learning_rate", "studies.demo.models.nano-s.weight_decay", "studies.demo.models.nano-s.mixture.docs",
    "studies.demo.tokenizers.docs-bpe.mixture.turns", "studies.demo.sources.docs.heldout", "studies.demo.corpora.seen.near_duplicates",
]  # fmt: skip


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "inf"])
@pytest.mark.parametrize("path", FLOATS)
def test_what_is_no_finite_number_is_refused(path: str, value: Any) -> None:
    with pytest.raises(BadInput, match="finite number"):
        resolve(changed(path, value))


def test_coefficients_are_finite_too() -> None:
    for transform in ({"kind": "interpolation", "coefficient": float("inf")}, {"kind": "lines", "alpha": float("nan"), "beta": 1}):
        with pytest.raises(BadInput, match="finite number"):
            resolve(changed("studies.demo.methods.soup.transforms", [transform]))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("study", 7, ["key 'study'", "7, a int", "one of ['demo', 'paper'"]),
        ("study", True, ["key 'study'", "True, a bool"]),
        ("study", ["demo"], ["key 'study'", "['demo'], a list"]),
        ("study", None, ["key 'study'", "None"]),
        ("studies", ["demo"], ["key 'studies'", "a list", "a mapping"]),
        ("studies.demo", 5, ["key 'studies.demo'", "5, a int", "a mapping"]),
        ("studies.demo.evaluate.splits", ["validation", "validation"], ["evaluate.splits", "each split once"]),
        ("studies.demo.tasks", ["copa", "copa"], ["a task is named twice"]),
        ("studies.demo.tasks", ["copa", "coap"], ["'tasks.1' (study demo): 'coap'. Allowed: one of ['arc_challenge', ", "or lm_eval:NAME"]),
        (
            "studies.demo.tasks",
            ["lm_eval:scqi"],
            ["'tasks.0' (study demo): 'lm_eval:scqi', no YAML with this task in lm-eval", "`lm_eval ls tasks` lists them"],
        ),
        ("studies.demo.sources.docs", {"content": "docs"}, ["'sources.docs.kind' (study demo): nothing", "Add the key"]),
        ("studies.demo.title", "a\nb", ["title", "one line of printable text"]),
        ("studies.demo.models.nano-s.label", "a\x00", ["models.nano-s", "one line of printable text"]),
        ("studies.demo.models.nano-s.label", "0.5M", ["models.nano-m: the label '0.5M', which models.nano-s has too"]),
        ("studies.demo.corpora.code.label", "seen text", ["corpora.code: the label 'seen text', which corpora.seen has too"]),
        ("studies.demo.methods.random.label", "ascent", ["methods.random: the label 'ascent', which methods.ascent has too"]),
        ("studies.demo.methods.Soup", {"label": "x"}, ["methods.Soup: differs from methods.soup in small and capital letters alone"]),
        ("studies.demo.models.nano-s.mixture.docs", -1.0, ["mixture.docs", "-1.0", "greater than 0"]),
    ],
)
def test_what_names_nothing_or_two_things_is_refused(path: str, value: Any, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(changed(path, value))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("path", ["name", "studies.demo.name"])
def test_a_study_has_no_name_beside_its_key(path: str) -> None:
    """It would write its results over those of another study."""
    with pytest.raises(BadInput, match=rf"params\.yaml, key '{path}': an unknown key with value 'paper'"):
        resolve(changed(path, "paper"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, "paper"), params_schema())
    with pytest.raises(BadInput, match=r"Allowed: the keys \['corpora', .*'methods', 'models', 'seed'"):
        resolve(changed("studies.demo.nmae", "paper"))


@pytest.mark.parametrize("role", ["subject", "reference"])
def test_rules_that_export_checkpoints_have_different_names(role: str) -> None:
    models = RAW["studies"]["demo"]["models"]
    tree = changed("studies.demo.models", models | {"nano_s": models["nano-s"] | {"label": "other", "role": role}})
    if role == "reference":
        assert "nano_s" in resolve(tree).models
        return
    with pytest.raises(BadInput, match=r"models\.nano_s: differs from models\.nano-s in dots, hyphens and underscores alone; rename one"):
        resolve(tree)


def test_a_corpus_has_not_the_name_of_all_corpora() -> None:
    with pytest.raises(BadInput, match=r"corpora\.all: this name stands for all corpora together"):
        resolve(renamed("corpora", "all"))


def test_a_key_that_stands_twice_is_named_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("study: a\nstudies:\n  a:\n    gap: {updates: 3,\n      updates: 4}\n")
    with pytest.raises(BadInput, match=r"params\.yaml, line 5: the key 'updates', which stands on line 4 already"):
        load_study(path)
    path.write_text("study: a\nseed: 1\nstudy: b\n")
    with pytest.raises(BadInput, match=r"line 3: the key 'study', which stands on line 1"):
        load_study(path)
    path.write_text("a: &x {b: 1}\nc: *x\nd: [{b: 1}, {b: 2}]\n")
    assert read_params(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 2}]}
    with pytest.raises(BadInput, match="is a directory"):
        read_params(tmp_path)


LOCAL = {"kind": "local", "path": "somewhere"}
MODELS = "studies.demo.models"


def test_a_model_that_names_no_tokenizer_brings_its_own() -> None:
    study = resolve(changed(f"{MODELS}.own", LOCAL))
    assert study.models["own"].tokenizer == "own"
    assert study.tokenizers["own"].model_dump() == {"kind": "model", "model": "own"}
    shared = resolve(changed(f"{MODELS}.own", LOCAL | {"tokenizer": "docs-bpe"}))
    assert "own" not in shared.tokenizers
    again = resolve(changed("studies.demo", study.model_dump(mode="json", exclude={"name"}, exclude_none=True)))
    assert again == study  # what is written of a study can be read


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{MODELS}.docs-bpe", LOCAL, ["models.docs-bpe: names no tokenizer", "rename that one"]),
        (f"{MODELS}.nano-s.tokenizer", "", ["models.nano-s", "tokenizer"]),
        (f"{MODELS}.nano-s.methods", ["ascent", "climb"], ["models.nano-s.methods", "'climb' is not defined"]),
        (f"{MODELS}.nano-s.methods", ["soup"], ["models.nano-s.methods", "the study's own method 'ascent'"]),
        ("studies.demo.tokenizers.own", {"kind": "model", "model": "nano-s"}, ["tokenizers.own.model", "pretrained here"]),
        ("studies.demo.tokenizers.own", {"kind": "model", "model": "nano"}, ["tokenizers.own.model", "'nano' is not defined"]),
        (f"{MODELS}.own", {"kind": "gguf"}, ["models.own", "either path, or id, revision and file"]),
        (f"{MODELS}.own", {"kind": "gguf", "path": "a.gguf", "id": "a/b"}, ["either path, or id, revision and file"]),
        (f"{MODELS}.own", {"kind": "gguf", "id": "a/b", "file": "a.gguf"}, ["either path, or id, revision and file"]),
        (f"{MODELS}.own", {"kind": "gguf", "id": "a/b", "file": "a.gguf", "revision": "main"}, ["revision", "'main'"]),
        (f"{MODELS}.own", {"kind": "package", "parts": [], "sha256": "0" * 64}, ["models.own", "parts"]),
        (f"{MODELS}.own", {"kind": "package", "parts": [{"package": "a b", "version": "1", "sha256": "0" * 64, "file": "f"}], "sha256": "0" * 64}, ["models.own", "'a b'"]),
    ],
)  # fmt: skip
def test_models_that_cannot_be_had_are_explained(path: str, value: Any, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(changed(path, value))
    for word in words:
        assert word in str(caught.value)
