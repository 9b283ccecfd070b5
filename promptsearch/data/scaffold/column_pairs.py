"""Columns that are plainly a pair: names that differ by 1 and 2, by a and b, or by two roles."""

import re
from collections.abc import Iterable

_MARKS = (
    (re.compile(r"(?<!\d)1(?!\d)"), "2"),
    (re.compile(r"(?<![A-Za-z])a(?![A-Za-z])"), "b"),
    (re.compile(r"(?:(?<![A-Za-z])|(?<=[a-z]))A(?![A-Za-z])"), "B"),  # text_A, textA
)
_ROLES = (
    ("premise", "hypothesis"),
    ("text", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "context"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("first", "second"),
    ("left", "right"),
)


def partner(name: str, names: Iterable[str]) -> tuple[str, str] | None:
    """The pair that the column `name` is one of, in the order to read it; None where in none.

    >>> partner("sentence2", ["sentence1", "sentence2", "genre"])
    ('sentence1', 'sentence2')
    """
    orders = (pair for second in names for pair in ((name, second), (second, name)))
    return next((pair for pair in orders if _pairs(*pair)), None)


def _pairs(first: str, second: str) -> bool:
    """Return whether the second name is the first but for a mark, or for a role."""
    marks = (
        first[: at.start()] + replaced + first[at.end() :] == second
        for mark, replaced in _MARKS
        for at in mark.finditer(first)
    )
    a_name, b_name = first.lower(), second.lower()
    return any(marks) or any(a in a_name and a_name.replace(a, b, 1) == b_name for a, b in _ROLES)
