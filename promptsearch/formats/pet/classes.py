"""The classes of a Python file, parsed and never run."""

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from promptsearch.formats.importing.contents import Location
from promptsearch.formats.pet.expression_values import UnsupportedPython
from promptsearch.formats.shared.python_literals import short


def tree_of(location: Location, code: str) -> ast.Module:
    """Return the file as Python parses it. Raises DataError at the line of a syntax error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except SyntaxError as error:
        raise Location(location.path, error.lineno).error(
            f"no Python ({error.msg}); correct it"
        ) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise location.error(f"no Python ({short(error)}); correct it") from None


@dataclass(frozen=True)
class File:
    """Classes of a file."""

    classes: Mapping[str, ast.ClassDef]

    def bases(self, owner: str) -> Iterator[str]:
        """Iterate over the class and its bases, as far as they are in the file."""
        seen: list[str] = []
        rest = [owner]
        while rest:
            name = rest.pop(0)
            if name in self.classes and name not in seen:
                seen.append(name)
                rest += [base.id for base in self.classes[name].bases if isinstance(base, ast.Name)]
        return iter(seen)

    def method(self, owner: str, name: str, above: bool = False) -> tuple[str, ast.FunctionDef]:
        for home in list(self.bases(owner))[int(above) :]:
            for node in self.classes[home].body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return home, node
        raise UnsupportedPython(f"{owner} has no {name}")

    def constant(self, owner: str, name: str) -> object:
        for home in self.bases(owner):
            if name in (constants := self.constants(home)):
                return constants[name]
        raise UnsupportedPython(f"{owner}.{name}")

    def constants(self, owner: str) -> dict[str, object]:
        """Return the literals that the class body gives names to."""
        literals: dict[str, object] = {}
        for node in self.classes[owner].body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                try:
                    literals[node.targets[0].id] = ast.literal_eval(node.value)
                except (ValueError, TypeError, RecursionError, MemoryError):
                    continue  # no literal: an error for whoever needs it
        return literals
