"""Python notation of data in other projects' files, which is parsed and never run."""

import ast
import warnings

from promptsearch.formats.importing.contents import Location


def parsed(location: Location, text: str) -> ast.expr:
    """Return the expression of a text. Raises DataError if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise location.error(f"{text[:40]!r} cannot be read ({short(error)}); correct it") from None


def literal(location: Location, text: str) -> object:
    """Return the value of a literal: strings, numbers, dicts, lists.

    Raises DataError if the text is anything else.
    """
    expression = parsed(location, text)
    check_keys(location, expression)
    try:
        return ast.literal_eval(expression)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise location.error(f"{text[:40]!r} is no plain value; write strings in quotes") from None


def check_keys(location: Location, expression: ast.AST) -> None:
    """Raise DataError if a dict has a key twice, of which Python would keep the last."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise location.error(f"{twice[0]!r} stands twice; keep one")


def short(error: BaseException) -> str:
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return message or "it is too deep"
