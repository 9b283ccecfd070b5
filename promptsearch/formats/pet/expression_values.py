"""Values of the expressions in PET's patterns: strings with placeholders, and operations."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from promptsearch.prompt import Field, Part, Text

COMPARED: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
META = object()  # example.meta


class UnsupportedPython(Exception):
    """Error of Python that cannot be evaluated; the message is the code."""

    @classmethod
    def of(cls, node: ast.AST) -> "UnsupportedPython":
        return cls(ast.unparse(node).partition("\n")[0][:60])


class PatternRaises(Exception):
    """Error that the code raises itself: there is no such pattern."""


@dataclass(frozen=True)
class PatternString:
    """String with placeholders."""

    parts: tuple[Part, ...]

    @property
    def text(self) -> str | None:
        """Plain string; None if there are placeholders."""
        texts = [part.text for part in self.parts if isinstance(part, Text)]
        return "".join(texts) if len(texts) == len(self.parts) else None


@dataclass(frozen=True)
class PatternExample:
    """Argument of `get_parts`."""

    def attribute(self, name: str) -> object:
        return META if name == "meta" else PatternString((Field(name),))


def constant(value: object) -> object:
    """Return a constant of the code, strings as text parts."""
    return PatternString((Text(value),) if value else ()) if isinstance(value, str) else value


def item(value: object, key: object, node: ast.expr) -> object:
    """Return `value[key]`, of example.meta or of a dict."""
    plain = key.text if isinstance(key, PatternString) else key
    if value is META and isinstance(plain, str):
        return PatternString((Field(plain),))
    if isinstance(value, dict) and isinstance(plain, str | int) and plain in value:
        return value[plain]
    raise UnsupportedPython.of(node)


def added(a: object, b: object, node: ast.expr) -> object:
    """Return `left + right`, of strings or lists."""
    if isinstance(a, PatternString) and isinstance(b, PatternString):
        return PatternString(a.parts + b.parts)
    if isinstance(a, list) and isinstance(b, list):
        return a + b
    raise UnsupportedPython.of(node)


def compared(how: type[ast.cmpop], a: object, b: object, node: ast.expr) -> bool:
    """Return a comparison: any of numbers, equality of everything else."""
    if isinstance(a, int) and isinstance(b, int) and how in COMPARED:
        return COMPARED[how](a, b)
    if how in (ast.Eq, ast.NotEq):
        return (a == b) == (how is ast.Eq)
    raise UnsupportedPython.of(node)
