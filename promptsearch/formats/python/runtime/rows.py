"""Rows as JSON lines: an object a line, with a text or a number for each column."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from promptsearch.formats.python.runtime.prompt import Row


def read_rows(lines: Iterable[bytes], columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield the rows with the numbers of their lines; blank lines are left out.

    Raise ValueError, which names the line, for one that is no row.
    """
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            row = json.loads(text, object_pairs_hook=without_repeats) if text.strip() else None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {number}: not JSON ({error}); write an object a line") from None
        if text.strip():
            yield number, checked_row(row, columns, number)


def without_repeats(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return an object's pairs. Raise ValueError if a key stands twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice")
    return values


def checked_row(row: Any, columns: Sequence[str], number: int) -> Row:
    """Return the columns of a row as texts. Raise ValueError if it lacks one."""
    if not isinstance(row, Mapping):
        raise ValueError(f"line {number}: a row must be an object, not {str(row)[:40]!r}")
    if missing := [name for name in columns if name not in row]:
        raise ValueError(f"line {number}: the row has no column {missing[0]!r}; add it")
    texts = {name: text_in(row[name]) for name in columns}
    for name, text in texts.items():
        if text is None:
            value = str(row[name])[:40]
            raise ValueError(f"line {number}: the column {name!r} is {value}; give it a text")
    return {name: text for name, text in texts.items() if text is not None}


def text_in(value: Any) -> str | None:
    """Return a text or a number as text; None for NaN, null, lists and half characters."""
    match value:
        case str(text):
            return text if text == text.encode(errors="replace").decode() else None
        case bool(flag):
            return str(flag).lower()
        case int() | float() if isfinite(value):
            return str(value)
    return None
