"""Vague words, types defined twice and modules named by gerunds: counts that may only fall."""

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "promptsearch"
WORDS = {
    *("own", "found", "given", "place", "places", "told", "said", "asked", "made", "able", "worth"),
    *("left", "wanted", "some", "other", "one", "odd", "shown", "kept", "begun"),
}
VAGUE = 0.001  # of all bindings
TWICE = {"Chat", "EncodedAnswer", "Field", "Prompt", "Slot"}  # of the exported program, and of ours
GERUNDS = 9  # ceiling, ranking, sampling ... are nouns too
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf8")) for path in FILES}


def bound_names(tree):
    """Every name that the code binds: variables, parameters, fields, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def test_vague_words_do_not_come_back():
    names = Counter(name for tree in TREES.values() for name in bound_names(tree))
    vague = {name: n for name, n in names.items() if name.strip("_") in WORDS}
    assert sum(vague.values()) / names.total() <= VAGUE, vague


def test_a_type_name_means_one_thing():
    types = Counter(
        node.name for tree in TREES.values() for node in tree.body if isinstance(node, ast.ClassDef)
    )
    assert {name for name, n in types.items() if n > 1} <= TWICE


def test_modules_are_nouns():
    gerunds = [str(path.relative_to(PACKAGE)) for path in FILES if path.stem.endswith("ing")]
    assert len(gerunds) <= GERUNDS, gerunds


def test_the_root_has_four_modules():
    assert len(list(PACKAGE.glob("*.py"))) <= 4


def test_the_rooms_are_few():
    rooms = {path.parent for path in FILES}
    layers = (PACKAGE.parent / "tests" / "test_architecture.py").read_text()
    top = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert all(f'"{path.name}"' in layers for path in top)
    assert len(top) <= 18, len(rooms)
