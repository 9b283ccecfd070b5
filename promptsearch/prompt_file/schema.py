"""The JSON Schema of prompts.json, checked: the keywords that it uses, and messages for people."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from promptsearch.files.read import is_whole

SCHEMA = Path(__file__).with_name("prompts.schema.json")
SLACK = 1e-6  # a share that was added up may leave [0, 1] by that much
_SHOWN = 40  # characters of a value in a message

Schema = Mapping[str, Any]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


_TYPES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "object": ("an object", lambda value: isinstance(value, Mapping)),
    "array": ("a list", lambda value: isinstance(value, list)),
    "string": ("a text", lambda value: isinstance(value, str) and is_whole(value)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", _is_integer),
    "number": ("a number", lambda v: _is_integer(v) or (isinstance(v, float) and isfinite(v))),
    "null": ("null", lambda value: value is None),
}


@cache
def prompts_schema() -> Schema:
    """Return the schema of a prompts.json."""
    schema: Schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return schema


def violations(
    value: object, schema: Schema, path: str = "", *, complete: bool = False
) -> Iterator[str]:
    """Yield what is wrong with a value: `search.seed must be a whole number, not 'a'`.

    Keys that a reader can do without may be missing, unless it must be `complete`.
    """
    schema = _resolved(schema)
    if "anyOf" in schema and "type" not in schema:
        yield from _of_alternatives(value, schema["anyOf"], path, complete)
        return
    if (wrong := _wrong(value, schema)) is not None:
        yield f"{path or 'it'} must be {wrong}, not {str(value)[:_SHOWN]!r}"
    elif isinstance(value, Mapping):
        yield from _of_keys(value, schema, path, complete)
    elif isinstance(value, list) and "items" in schema:
        for number, item in enumerate(value, 1):
            yield from violations(item, schema["items"], f"{path} {number}", complete=complete)


def _resolved(schema: Schema) -> Schema:
    while isinstance(reference := schema.get("$ref"), str):
        schema = prompts_schema()["$defs"][reference.rpartition("/")[2]]
    return schema


def _wrong(value: object, schema: Schema) -> str | None:
    """Return what a value should be that is of a wrong type, or out of bounds."""
    if "const" in schema and value != schema["const"]:
        return repr(schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return " or ".join(str(word) if word is not None else "null" for word in schema["enum"])
    types = _types(schema)
    if types and not any(_TYPES[name][1](value) for name in types):
        return " or ".join(_called(name, schema) for name in types)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if _is_within(value, schema) else _called([*types, "number"][0], schema)
    if isinstance(value, list | Mapping) and len(value) < _least(schema):
        return f"{_TYPES[types[0]][0]} of at least {_least(schema)}"
    if isinstance(value, list) and len(value) > schema.get("maxItems", len(value)):
        return f"a list of {schema['maxItems']}"
    return None


def _types(schema: Schema) -> Sequence[str]:
    types = schema.get("type", ())
    return [types] if isinstance(types, str) else types


def _called(name: str, schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    called = _TYPES[name][0]
    if name not in ("integer", "number") or (low is None and high is None):
        return called
    if low is None:
        return f"{called}, {high} or less"
    return f"{called}, {low} or more" if high is None else f"{called} from {low} to {high}"


def _is_within(value: float, schema: Schema) -> bool:
    above = value > schema.get("exclusiveMinimum", float("-inf"))
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return bool(above and low - SLACK <= value <= high + SLACK)


def _least(schema: Schema) -> int:
    return int(schema.get("minItems", schema.get("minProperties", 0)))


def _of_alternatives(
    value: object, alternatives: Sequence[Schema], path: str, complete: bool
) -> Iterator[str]:
    """Yield what is wrong with the alternative of the value's type; or that none has it."""
    wrong = [[*violations(value, each, path, complete=complete)] for each in alternatives]
    if not all(wrong):
        return
    for each, messages in zip(alternatives, wrong, strict=True):
        if any(_TYPES[name][1](value) for name in _types(_resolved(each))):
            yield from messages[:1]
            return
    expected = " or ".join(str(_wrong(value, _resolved(each))) for each in alternatives)
    yield f"{path} must be {expected}, not {str(value)[:_SHOWN]!r}"


def _of_keys(
    value: Mapping[str, object], schema: Schema, path: str, complete: bool
) -> Iterator[str]:
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    for key, inner in value.items():
        yield from violations(
            inner, properties.get(key, rest), f"{path}.{key}" if path else key, complete=complete
        )
    if complete:
        for key in schema.get("required", ()):
            if key not in value:
                yield f"{path}.{key} is missing" if path else f"{key} is missing"
