"""Tables: rows streamed from .csv, .tsv, .jsonl, .json, .parquet and .txt files, with their lines.

A `Row` keeps its values as the file gave them and turns them into text when asked, so a value
that nobody needs may be anything, and one that somebody needs is blamed on its file and line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from promptsearch.data.tables.delimited import csv_rows, separated_otherwise, tsv_rows
from promptsearch.data.tables.json_rows import each_line, json_values
from promptsearch.data.tables.nested import joined, reached
from promptsearch.data.tables.parquet import Unreadable, parquet_rows
from promptsearch.data.tables.semeval import text_rows
from promptsearch.data.tables.strict_json import is_finite
from promptsearch.errors import DataError, did_you_mean
from promptsearch.files.read import ENCODING, is_whole, kind_of

FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")  # and .txt: see semeval
Cells = Mapping[str, object]


@dataclass(frozen=True)
class TableFormat:
    """The format of a table as far as its file cannot tell: names, columns, encoding."""

    columns: tuple[str, ...] = ()  # the names, where a .csv or .tsv has no header
    encoding: str = ENCODING
    rename: Mapping[str, str] = field(default_factory=dict)  # column -> the name we use
    ending: str = ""  # says the format where the name does not: of standard input
    lists: frozenset[str] = frozenset()  # names of columns whose lists are no tokens of a text


@dataclass(frozen=True)
class Row:
    """A row and its position; `line` counts from 1 (Parquet has no lines: its row)."""

    path: Path
    line: int
    cells: Cells

    def text(self, column: str) -> str:
        """Return the cell as text. Raises DataError if it is missing, null, nested or empty."""
        value = self.cell(column)
        if (text := self.peek(column)) is None:
            problem = _no_text(value)
            raise self.error(
                f"the column {column!r} is {problem}; give it a text or remove the row"
            )
        if not text.strip():
            raise self.error(f"the column {column!r} is empty; fill it in or remove the row")
        return text

    def cell(self, column: str) -> object:
        """Return the cell as the file has it. Raises DataError if there is no such column."""
        if column in self.cells:
            return self.cells[column]
        names = list(self.cells)
        way_out = separated_otherwise(names)
        raise self.error(
            f"there is no column {column!r}{did_you_mean(column, names)}; "
            f"the columns are {', '.join(names)}{'; ' if way_out else ''}{way_out}"
        )

    def peek(self, column: str) -> str | None:
        """Return the cell as text, perhaps empty; None where there is none to be had."""
        match self.cells.get(column):
            case str(text):
                return self._whole(column, text)
            case bool(flag):
                return str(flag).lower()
            case None | bytes() | Mapping() | list() | tuple() | Unreadable():
                return None
            case scalar:
                return str(scalar) if is_finite(scalar) else None

    def error(self, message: str) -> DataError:
        return DataError.at(self.path, self.line, message)

    def _whole(self, column: str, text: str) -> str:
        if not is_whole(text):
            raise self.error(f"the column {column!r} holds half a surrogate pair")
        return text


def read_rows(path: Path, layout: TableFormat = TableFormat()) -> Iterator[Row]:
    """The rows of one file, in order, blank lines left out; the name's ending says the format."""
    for row in each_row(path, layout):
        if isinstance(row, DataError):
            raise row
        yield renamed(row, layout)


def each_row(path: Path, layout: TableFormat = TableFormat()) -> Iterator[Row | DataError]:
    """The rows, columns named as in the file; in the place of one that is no row, what is wrong.

    What makes the rest of a file unreadable (its encoding, open quotes) is raised even so.
    """
    for line, cells in _located(path, layout):
        if isinstance(cells, DataError):
            yield cells
        elif isinstance(cells, Mapping):
            yield Row(path, line, cells)
        else:
            message = f'a row must be an object such as {{"text": "..."}}, not {cells!r:.40}'
            yield DataError.at(path, line, message)


def _located(path: Path, layout: TableFormat) -> Iterator[tuple[int, object]]:
    match layout.ending or kind_of(path):
        case ".csv":
            return csv_rows(path, layout.columns, layout.encoding)
        case ".tsv":
            return tsv_rows(path, layout.columns, layout.encoding)
        case ".jsonl":
            return each_line(path, layout.encoding)
        case ".json":
            return json_values(path, layout.encoding)
        case ".parquet":
            return parquet_rows(path)
        case ".txt":
            return text_rows(path, layout.encoding)
        case ending:
            raise DataError.at(
                path,
                None,
                f"cannot read a table that ends in {ending or 'nothing'!r}; use one of "
                f"{', '.join(FORMATS)}, perhaps with .gz or .zst",
            )


def renamed(row: Row, layout: TableFormat) -> Row:
    """Return the row under its new names, whose sources may be nested ("h.name") or token lists."""
    names = layout.rename
    if not names:
        return row
    inner = {name: reached(row.cells, name) for name in names if name not in row.cells}
    cells_and_inner = {
        **row.cells,
        **{name: value for name, value in inner.items() if value is not None},
    }
    cells = {
        name: joined(value) if column in names and name not in layout.lists else value
        for column, value in cells_and_inner.items()
        for name in [names.get(column, column)]
    }
    if len(cells) < len(cells_and_inner):
        columns = ", ".join(row.cells)
        raise row.error(f"[rename] gives two columns one name; the columns are {columns}")
    return replace(row, cells=cells)


def _no_text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Unreadable):
        return f"a {value.type} that cannot be read"
    return "not text or a number" if is_finite(value) else f"{value}, which is no number"
