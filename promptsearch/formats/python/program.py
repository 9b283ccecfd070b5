"""The source of a program: modules of `runtime` in one file, with their constants filled in."""

import ast
import json
import pprint
from collections.abc import Mapping, Sequence
from pathlib import Path
from sys import stdlib_module_names
from textwrap import indent

from promptsearch.models import Family

RUNTIME = Path(__file__).with_name("runtime")
FAMILIES: Mapping[Family, Sequence[str]] = {  # the modules that only one family needs
    "masked": ("masked", "masked_scorer"),
    "causal": ("chat", "text_model", "causal"),
    "seq2seq": ("text_model", "seq2seq"),
}
OPTIONS = ("masked", "options")  # in place of these where a template has options
WIDTH = 96  # characters of a value on a line


def program_source(
    family: Family,
    docstring: str,
    constants: Mapping[str, object],
    options: bool = False,
    writes: bool = False,
) -> str:
    """Return a file with this docstring, and with these values of the modules' constants.

    `options`: whether a template has some. `writes`: whether it answers with texts.
    """
    names = (
        "prompt",
        "data",
        "soft",
        "prefix",
        "network",
        "tokenizer",
        "truncate",
        *(OPTIONS if options else FAMILIES[family]),
    )
    answers = ("texts",) if writes else ("labels", "predictions")
    paths = [RUNTIME / f"{name}.py" for name in (*names, *answers, "rows", "main")]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    bodies = "\n\n".join(_filled(_body(source), constants) for source in sources)
    return f'"""{_escaped(docstring)}\n"""\n\n{_imports(sources)}\n\n{bodies}'


def _imports(sources: Sequence[str]) -> str:
    """Return the imports from elsewhere: the standard library, then others."""
    modules: set[str] = set()
    members: dict[str, set[str]] = {}  # module -> names that are imported from it
    for node in (node for source in sources for node in ast.parse(source).body):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith("promptsearch"):
            members.setdefault(str(node.module), set()).update(alias.name for alias in node.names)
    lines = [(name, f"import {name}") for name in sorted(modules)]
    for name in sorted(members):
        lines.append((name, f"from {name} import {', '.join(sorted(members[name]))}"))
    groups: dict[bool, list[str]] = {True: [], False: []}  # by: of the standard library
    for name, line in lines:
        groups[name.split(".")[0] in stdlib_module_names].append(line)
    return "\n\n".join("\n".join(group) for group in groups.values())


def _body(source: str) -> str:
    """Return a module without its imports, behind its docstring as a comment."""
    tree = ast.parse(source)
    last = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)][-1]
    rest = "".join(source.splitlines(keepends=True)[last.end_lineno :])
    return f"{indent(str(ast.get_docstring(tree)), '# ')}\n{rest}"


def _filled(source: str, constants: Mapping[str, object]) -> str:
    """Return the source with the values of constants, which are declared with a type."""
    lines = []
    for line in source.splitlines(keepends=True):
        declaration, assigns, _ = line.partition(" = ")
        name = declaration.partition(":")[0]
        if assigns and name in constants:
            line = f"{declaration} = {_literal(constants[name])}\n"
        lines.append(line)
    return "".join(lines)


def _literal(value: object) -> str:
    """Return a value as Python source; a list has an item a line."""
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{indent(_formatted(item), '    ')},\n" for item in value) + "]"
    text = _formatted(value)
    return f"(\n{indent(text, '    ')}\n)" if "\n" in text else text


def _formatted(value: object) -> str:
    return pprint.pformat(value, width=WIDTH, sort_dicts=False)


def _escaped(text: str) -> str:
    """Return text as a docstring can hold it."""
    lines = text.encode(errors="replace").decode().split("\n")
    escaped = (json.dumps(line, ensure_ascii=False)[1:-1].replace('\\"', '"') for line in lines)
    return "\n".join(escaped).replace('"""', '\\"\\"\\"')
