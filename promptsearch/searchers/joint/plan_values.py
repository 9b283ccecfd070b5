"""Whether a value from a file is what a strategy's field takes, and how that is said."""

from dataclasses import fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

_SAID = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


def kinds_of(searcher: type) -> dict[str, Any]:
    """The type of each field of a strategy."""
    hints = get_type_hints(searcher)  # without what `Annotated` adds
    return {field.name: hints[field.name] for field in fields(searcher)}


def fits(value: object, kind: Any) -> bool:
    """Whether a value, as TOML or JSON has it, is of a field's type."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:  # tuple[X, ...]
        listed = isinstance(value, list | tuple)
        return listed and all(fits(each, get_args(kind)[0]) for each in value)  # type: ignore[attr-defined]
    if parts := get_args(kind):  # X | None
        return any(fits(value, part) for part in parts)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def kind_name(kind: Any) -> str:
    """A field's type in words."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, get_args(kind)))
    if get_origin(kind) is tuple:
        return f"a list, each of its values {kind_name(get_args(kind)[0])}"
    if parts := get_args(kind):
        return " or ".join(kind_name(part) for part in parts if part is not NoneType)
    return _SAID.get(kind, str(kind))


def frozen(value: object) -> object:
    """A list as the tuple that a field holds."""
    return tuple(value) if isinstance(value, list) else value
