"""Tables of cells: `.csv` as RFC 4180 has it, `.tsv` where quotes mean nothing.

A row comes with its first line; in the place of a row whose cells do not fit stands its error.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.errors import DataError
from promptsearch.files.read import open_text

Lines = Iterator[tuple[int, list[str]]]
_LONGEST = 1 << 27  # characters of a cell; Python's 131,072 are fewer than those of a long text
_CSV_HINT = 'write a text with commas in it as "...", a quote in it as ""'
_TSV_HINT = "a tab ends a cell, and quotes mean nothing"


def csv_rows(
    path: Path, columns: Sequence[str], encoding: str
) -> Iterator[tuple[int, dict[str, str] | DataError]]:
    """Return the rows; `columns` names them where there is no header."""
    return _named(path, columns, _csv(path, encoding), _CSV_HINT)


def tsv_rows(
    path: Path, columns: Sequence[str], encoding: str
) -> Iterator[tuple[int, dict[str, str] | DataError]]:
    """Return the same of tabs."""
    return _named(path, columns, _tsv(path, encoding), _TSV_HINT)


def _named(
    path: Path, columns: Sequence[str], lines: Lines, hint: str
) -> Iterator[tuple[int, dict[str, str] | DataError]]:
    """Cells with their column's name; the first line names them unless `columns` does."""
    line, columns = (None, columns) if columns else _header(path, next(lines, None))
    names = _without_trail(columns)
    _check_unlike(path, line, names)
    for line, cells in lines:
        if len(cells) != len(columns):
            problem = f"{_count(cells, 'cell')} where the columns are {len(columns)}"
            way_out = separated_otherwise(columns) or separated_otherwise(cells) or hint
            yield line, DataError.at(path, line, f"{problem}: {', '.join(columns)}; {way_out}")
        elif lost := [cell for cell in cells[len(names) :] if cell]:
            problem = f"{lost[0]!r} stands in a column without a name; give it one, or take it out"
            yield line, DataError.at(path, line, problem)
        else:
            yield line, dict(zip(names, cells, strict=False))


def separated_otherwise(cells: Sequence[str]) -> str:
    """Return what to do where all cells stand in one; "" where they do not.

    >>> separated_otherwise(["text;label"])
    "separated by ';', it seems: save it with commas, or tabs in a .tsv"
    """
    mark = next((mark for mark in ";\t|," if len(cells) == 1 and mark in cells[0]), None)
    return (
        f"separated by {mark!r}, it seems: save it with commas, or tabs in a .tsv" if mark else ""
    )


def _header(path: Path, first: tuple[int, list[str]] | None) -> tuple[int, Sequence[str]]:
    if first is None:
        raise DataError.at(path, None, "the file is empty; a table starts with its column names")
    return first


def _check_unlike(path: Path, line: int | None, names: Sequence[str]) -> None:
    """Raise DataError if one column would hide another; the names are given where line is None."""
    if twice := [name for name in names if names.count(name) > 1]:
        problem = f"are named {twice[0]!r}" if twice[0] else "have no name"
        way_out = "rename one"
        if line is not None:
            way_out += (
                ", or where this is no header, say header = false and columns = [...] (of "
                "promptsearch init: `columns`)"
            )
        raise DataError.at(path, line, f"two columns {problem}; {way_out}")


def _without_trail(columns: Sequence[str]) -> list[str]:
    """Return the names without the empty ones at the end: spreadsheets write commas there."""
    names = list(columns)
    while names and not names[-1]:
        names.pop()
    return names


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def _tsv(path: Path, encoding: str) -> Lines:
    """Quotes are text: LM-BFF's and GLUE's files leave them unbalanced."""
    with open_text(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if number == 1 and "\r" in line.rstrip("\r\n"):
                raise DataError.at(
                    path, 1, "lines end in \\r alone; save the file with \\n or \\r\\n"
                )
            if line.strip(" \r\n"):
                yield number, line.rstrip("\r\n").split("\t")


def _csv(path: Path, encoding: str) -> Lines:
    """RFC 4180: quoted cells may hold commas, quotes and line ends; a row has its first line."""
    csv.field_size_limit(max(_LONGEST, csv.field_size_limit()))  # the process's: there is no other
    with open_text(path, encoding, newline="") as stream:
        reader = csv.reader(stream, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                message = f"the row that starts here is not CSV ({error}); check its quotes"
                raise DataError.at(path, line, message) from None
            if cells is None:
                return
            if cells:
                yield line, cells
