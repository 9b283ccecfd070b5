"""JSON as RFC 8259 has it: each key once, numbers that are numbers, and no endless nesting.

Python's `json` takes the last of equal keys, reads 1e400 as infinity and writes `NaN`, which other
readers refuse.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from math import isfinite
from numbers import Rational, Real

from promptsearch.files.read import is_whole

NESTED = 100  # levels of a value; whoever walks one may recurse so deep
_TOO_DEEP = f"nested deeper than {NESTED} levels"


def decoded(text: str) -> object:
    """Return the value of a text.

    Raises ValueError if it has none; json.JSONDecodeError, which is one, knows where.
    """
    try:
        value: object = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    check_nesting(value, text)
    return value


def decoded_at(text: str, start: int) -> tuple[object, int]:
    """Return the value that starts there, and where it ends. Raises as `decoded` does."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    check_nesting(value, text[start:end])
    return value, end


def encoded(value: object, default: Callable[[object], object] | None = None) -> str:
    """Return the value as JSON: null for what is no finite number, and characters as they are."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=default)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=default)


def is_finite(value: object) -> bool:
    """Return False of NaN and the infinities, of whatever type; True of all else."""
    if isinstance(value, Decimal):
        return value.is_finite()
    is_float = isinstance(value, Real) and not isinstance(value, Rational)
    return not is_float or isfinite(value)  # type: ignore[arg-type]


def check_nesting(value: object, text: str | None = None) -> None:
    """Raise ValueError if lists and objects are nested too deep; `text` is what was read."""
    if text is not None and text.count("[") + text.count("{") <= NESTED:
        return
    level = [value]
    for _ in range(NESTED + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise ValueError(_TOO_DEEP)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object. Raises ValueError if a key stands twice, of which one would be lost, or
    holds half a character."""
    result = dict(pairs)
    if halves := [name for name in result if not is_whole(name)]:
        raise ValueError(f"the key {halves[0]!r} holds half a surrogate pair")
    if len(result) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise ValueError(f"the key {counts.most_common(1)[0][0]!r} stands twice")
    return result


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value if is_finite(value) else None


_DECODER = json.JSONDecoder(object_pairs_hook=_once)
