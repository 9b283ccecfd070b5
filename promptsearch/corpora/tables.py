"""Tables: rows streamed from .csv, .tsv, .jsonl, .json, .parquet and .txt files, with their lines.

A `Row` keeps its values as the file gave them and turns them into text when asked, so a value
that nobody needs may be anything, and one that somebody needs is blamed on its file and line.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from promptsearch.corpora.files import ENCODING, did_you_mean, kind_of, open_text
from promptsearch.corpora.json_rows import json_lines, json_values
from promptsearch.corpora.nested import joined, reached
from promptsearch.corpora.parquet import parquet_rows
from promptsearch.corpora.semeval import text_rows
from promptsearch.errors import DataError

FORMATS = (".csv", ".tsv", ".jsonl", ".json", ".parquet")  # and .txt: see semeval
Cells = Mapping[str, object]


@dataclass(frozen=True)
class Layout:
    """What a table does not say about itself."""

    columns: tuple[str, ...] = ()  # the names, where a .csv or .tsv has no header
    encoding: str = ENCODING
    rename: Mapping[str, str] = field(default_factory=dict)  # column -> the name we use


@dataclass(frozen=True)
class Row:
    """One row and where it stands; `line` counts from 1 (Parquet has no lines: its row)."""

    path: Path
    line: int
    cells: Cells

    def text(self, column: str) -> str:
        """The cell as text; `DataError` where it is missing, null, nested or empty."""
        if column not in self.cells:
            raise self.error(
                f"there is no column {column!r}{did_you_mean(column, list(self.cells))}; "
                f"the columns are {', '.join(self.cells)}"
            )
        if (text := self.peek(column)) is None:
            shown = "null" if self.cells[column] is None else "not text or a number"
            raise self.error(f"the column {column!r} is {shown}; give it a text or remove the row")
        if not text.strip():
            raise self.error(f"the column {column!r} is empty; fill it in or remove the row")
        return text

    def peek(self, column: str) -> str | None:
        """The cell as text, perhaps empty; None where there is none to be had."""
        match self.cells.get(column):
            case str(text):
                return self._whole(column, text)
            case bool(flag):
                return str(flag).lower()
            case None | bytes() | Mapping() | list() | tuple():
                return None
            case scalar:
                return str(scalar)

    def error(self, message: str) -> DataError:
        return DataError.at(self.path, self.line, message)

    def _whole(self, column: str, text: str) -> str:
        """JSON can escape half a character (`\\ud83d`), which no tokenizer takes."""
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self.error(f"the column {column!r} holds half a surrogate pair") from None
        return text


def read_rows(path: Path, layout: Layout = Layout()) -> Iterator[Row]:
    """The rows of one file, in order, blank lines left out; the name's ending says the format."""
    for line, cells in _located(path, layout):
        if not isinstance(cells, Mapping):
            raise DataError.at(
                path, line, f'a row must be an object such as {{"text": "..."}}, not {cells!r:.40}'
            )
        yield _renamed(Row(path, line, cells), layout.rename)


def _located(path: Path, layout: Layout) -> Iterator[tuple[int, object]]:
    match kind_of(path):
        case ".csv":
            return _named(path, layout, _csv(path, layout.encoding))
        case ".tsv":
            return _named(path, layout, _tsv(path, layout.encoding))
        case ".jsonl":
            return json_lines(path, layout.encoding)
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


def _renamed(row: Row, names: Mapping[str, str]) -> Row:
    """What has a new name may be nested ("h.name"), or a list of tokens, which makes a text."""
    if not names:
        return row
    inner = {name: reached(row.cells, name) for name in names if name not in row.cells}
    found = {**row.cells, **{name: value for name, value in inner.items() if value is not None}}
    cells = {
        names.get(column, column): joined(value) if column in names else value
        for column, value in found.items()
    }
    if len(cells) < len(found):
        shown = ", ".join(row.cells)
        raise row.error(f"[rename] gives two columns one name; the columns are {shown}")
    return replace(row, cells=cells)


def _named(
    path: Path, layout: Layout, lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, object]]:
    """Cells with their column's name; the first line names them unless the layout does."""
    columns = layout.columns or _header(path, next(lines, None))
    for line, cells in lines:
        if len(cells) != len(columns):
            names = ", ".join(columns)
            message = f"{_count(cells, 'cell')} where the columns are {len(columns)}: {names}"
            raise DataError.at(path, line, f"{message}; {_cells_hint(path)}")
        yield line, dict(zip(columns, cells, strict=True))


def _header(path: Path, first: tuple[int, list[str]] | None) -> Sequence[str]:
    if first is None:
        raise DataError.at(path, None, "the file is empty; a table starts with its column names")
    line, columns = first
    if twice := [name for name in columns if name and columns.count(name) > 1]:
        raise DataError.at(
            path,
            line,
            f"two columns are named {twice[0]!r}; rename one, or where this is no header, say "
            "header = false and columns = [...]",
        )
    return columns


def _cells_hint(path: Path) -> str:
    if kind_of(path) == ".csv":
        return 'write a text with commas in it as "...", a quote in it as ""'
    return "a tab ends a cell, and quotes mean nothing"


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}" + ("" if len(things) == 1 else "s")


def _tsv(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Quotes are text: LM-BFF's and GLUE's files leave them unbalanced."""
    with open_text(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip(" \r\n"):
                yield number, line.rstrip("\r\n").split("\t")


def _csv(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """RFC 4180: quoted cells may hold commas, quotes and line ends; a row has its first line."""
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
