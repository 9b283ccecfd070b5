"""Imports point one way: a module may import only from layers before its own (or its own)."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "promptsearch"
LAYERS = [
    *("errors", "files", "parallel", "prompt", "language", "metrics", "data", "corpora"),
    *("models", "scoring", "bench", "prompt_file", "engine", "searchers", "runs"),
    *("prediction", "evaluation", "formats", "commands", "cli"),
]
FILES = sorted(PACKAGE.rglob("*.py"))
RUNTIME = PACKAGE / "formats" / "python" / "runtime"  # of exported programs


def module_of(path: Path) -> list[str]:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return list(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, top: Path = PACKAGE) -> set[str]:
    """Every module of ours the file imports, in all forms; relative ones made absolute."""
    found = set()
    package = path.relative_to(top.parent).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            first = node.args[0] if node.args else None
            if called == "import_module" and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return {name for name in found if name.startswith("promptsearch.")}


def layer(module: str) -> int | None:
    name = module.split(".")[1]
    return LAYERS.index(name) if name in LAYERS else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    if path.parent == PACKAGE and path.stem in ("__init__", "__main__"):
        return  # the front door may see everything
    own = layer(".".join(module_of(path)))
    assert own is not None, f"{path} has no layer; add it to LAYERS"
    for target in imported(path):
        if (theirs := layer(target)) is not None:
            assert theirs <= own, f"{path} must not import {target}"


def test_every_form_of_import_is_seen(tmp_path):
    file = tmp_path / "promptsearch" / "searchers" / "imagined.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "import promptsearch.cli\nfrom promptsearch import runs\nfrom ..engine import x\n"
    )
    found = imported(file, tmp_path / "promptsearch")
    assert {"promptsearch.cli", "promptsearch.runs", "promptsearch.engine"} <= found


def roots_of(path: Path) -> set[str]:
    """The first names of all modules that the file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.split(".")[0] for name in names}


def test_transformers_is_imported_in_models_only():
    """And in the code of exported programs, which is written out and not run here."""
    for path in FILES:
        if "transformers" in roots_of(path):
            assert "models" in path.parts or path.parent == RUNTIME, f"{path} imports transformers"


def test_the_code_of_exported_programs_needs_nothing_of_ours():
    files = sorted(RUNTIME.glob("*.py"))
    assert RUNTIME / "main.py" in files
    for path in files:
        foreign = roots_of(path) - sys.stdlib_module_names
        assert foreign <= {"promptsearch", "torch", "transformers", "safetensors"}, path
        ours = f"{'.'.join(module_of(RUNTIME / '__init__.py'))}."
        assert all(name.startswith(ours) for name in imported(path)), path


def test_nothing_runs_the_code_of_exported_programs_here():
    """Its prompts and chats are values that an export fills in; the rest is only written out."""
    values = {f"{'.'.join(module_of(RUNTIME / f'{name}.py'))}" for name in ("prompt", "chat")}
    package = ".".join(module_of(RUNTIME / "__init__.py"))
    for path in FILES:
        if path.parent != RUNTIME:
            names = {n for n in imported(path) if n.startswith(f"{package}.")}
            assert all(any(n.startswith(value) for value in values) for n in names), path
