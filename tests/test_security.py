"""What code of this project may not do, read off its syntax trees: run what it downloads, unpack it unseen, load pickles or any YAML tag."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow/scripts").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
#: Modules that make objects out of bytes by running code.
PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
#: What may be had of yaml, and of pickle: the error that torch raises for a file it will not read.
YAML = {"safe_load", "safe_dump", "compose", "load", "SafeLoader", "YAMLError", "CollectionNode", "MappingNode", "ScalarNode"}
UNPICKLING = {"UnpicklingError"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
#: Methods and functions that unpack whole archives, pickle, or name a file before it is there.
UNPACKING = {"extractall", "extract", "unpack_archive", "mktemp", "read_pickle", "to_pickle"}


def broken_rules(tree: ast.Module) -> Iterator[str]:
    """What a module does that it may not."""
    safe_loaders = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "yaml.SafeLoader" for base in node.bases)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"imports from {name}" for name in names if name in PICKLES and isinstance(node, ast.ImportFrom))
            yield from (f"imports {name}" for name in names if name in PICKLES - {"pickle"})
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "yaml" and node.attr not in YAML:
                yield f"yaml.{node.attr}"
            if node.value.id == "pickle" and node.attr not in UNPICKLING:
                yield f"pickle.{node.attr}"
        elif isinstance(node, ast.Call):
            yield from broken_by_call(node, safe_loaders)


def broken_by_call(call: ast.Call, safe_loaders: set[str]) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if given.get("trust_remote_code", "False") != "False":
        yield "trust_remote_code"
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
        yield "allow_pickle or shell"
    if name == "yaml.load" and ast.unparse(call.args[1] if len(call.args) > 1 else call.func) not in safe_loaders:
        yield "yaml.load without a safe loader"
    if name == "yaml.compose" and given.get("Loader") != "yaml.SafeLoader":
        yield "yaml.compose without the safe loader"
    if name in CALLS or (isinstance(call.func, ast.Attribute) and call.func.attr in UNPACKING):
        yield f"{name}()"


@pytest.mark.parametrize(
    "snippet",
    [
        "import dill",
        "from pickle import loads",
        "import pickle; pickle.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(id, trust_remote_code=True)",
        "AutoModel.from_pretrained(id, trust_remote_code=flag)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "yaml.compose(text)",
        "archive.extractall(folder)",
        "shutil.unpack_archive(path)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
    ],
)
def test_a_broken_rule_is_seen(snippet: str) -> None:
    assert list(broken_rules(ast.parse(snippet)))


@pytest.mark.parametrize(
    "snippet",
    [
        "torch.load(path, weights_only=True)",
        "model.eval(); re.compile(text)",
        "yaml.safe_load(text)",
        "class Own(yaml.SafeLoader): pass\nyaml.load(text, Own)",
        "import pickle\ntry: pass\nexcept pickle.UnpicklingError: pass",
        "subprocess.run([command], shell=False)",
    ],
)
def test_a_kept_rule_is_not_mistaken(snippet: str) -> None:
    assert not list(broken_rules(ast.parse(snippet)))


def test_no_module_breaks_a_rule() -> None:
    assert len(FILES) > 350
    found = [f"{path.relative_to(ROOT)}: {rule}" for path in FILES for rule in broken_rules(ast.parse(path.read_text(encoding="utf-8")))]
    assert not found


def test_weights_are_written_as_safetensors_alone() -> None:
    """``torch.save`` keeps the state of a training that goes on, under .gap, and nothing that is handed on."""
    saving = {path.relative_to(ROOT / "src/gap").as_posix() for path in FILES if "torch.save(" in path.read_text(encoding="utf-8")}
    assert saving == {"pretrain/trainer.py"}
    unsafe = [
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "safe_serialization" and ast.unparse(node.value) != "True"
    ]
    assert not unsafe
