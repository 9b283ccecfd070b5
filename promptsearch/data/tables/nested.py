"""Values inside values: what [rename] may name in rows of JSON."""

from collections.abc import Mapping


def reached(cells: Mapping[str, object], column: str) -> object:
    """Return the value at a dotted name; None where there is none.

    >>> reached({"h": {"name": "crane", "pos": [1, 2]}}, "h.name")
    'crane'
    """
    value: object = cells
    for name in column.split("."):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


def joined(value: object) -> object:
    """Return a list of tokens as a text with spaces; anything else as it is.

    >>> joined(["the", "crane", "arm"])
    'the crane arm'
    """
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return value
