"""Options that hold names: `a,b` in an order, or `theirs=ours`."""

import csv
import re
from collections.abc import Mapping

from promptsearch.errors import DataError


def names_in(text: str, option: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return names in their order, or renamings; a comma in quotes is part of a name.

    Raises DataError if a name stands twice, or is empty.

    >>> names_in("premise,hypothesis", "--inputs")
    (('premise', 'hypothesis'), {})
    """
    try:
        cells = next(csv.reader([text], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise DataError(f"{option} {text!r} cannot be read ({error}); write A,B,...") from None
    if any(not cell.strip() for cell in cells) or len(set(cells)) < len(cells):
        raise DataError(f"{option} {text!r} has a name twice, or none between two commas")
    renamed = dict(cell.split("=", 1) for cell in cells if "=" in cell)
    if renamed and len(renamed) < len(cells):
        raise DataError(f"{option} {text!r} mixes A,B and THEIRS=OURS; use one of the two")
    return ((), renamed) if renamed else (tuple(cells), {})


def input_names(text: str, option: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Return names of inputs in their order, or renamings.

    Raises DataError if a template cannot have a name in braces.
    """
    names, renamed = names_in(text, option)
    if invalid := [name for name in (*names, *renamed.values()) if not re.fullmatch(r"\w+", name)]:
        raise DataError(f"{option}: {invalid[0]!r} is no name of an input; use letters and digits")
    return names, renamed
