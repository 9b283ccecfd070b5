"""Rows with their predictions as lines of text: JSON lines, CSV, TSV.

A line has two halves: its start has the row's cells, known before anything is scored, so that a row
that cannot be written is reported at once; its end has the predictions.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from typing import Protocol

from promptsearch.data import Row
from promptsearch.data.tables.strict_json import encoded, is_finite
from promptsearch.errors import RunError
from promptsearch.prediction.table.columns import Value

ENDINGS = (".jsonl", ".csv", ".tsv", ".parquet")
_UNTABULAR = "holds a tab or a line end, which .tsv cannot say; write .csv or .jsonl"
_JOINS = {".csv": ",", ".tsv": "\t"}


class Form(Protocol):
    """Text form of rows."""

    def head(self, first: Row) -> str:
        """Return the text before all lines; `first` is the first row."""
        ...

    def line_start(self, row: Row, number: int) -> str:
        """Return the line of a row up to its predictions. Raises DataError if it cannot be written.

        `number` counts all rows of the input, from 0.
        """
        ...

    def line_end(self, values: Sequence[Value]) -> str:
        """Return the rest of the line."""
        ...


@dataclass(frozen=True)
class JsonLines:
    """Form with an object a line: the row's values unchanged, then the predictions."""

    names: tuple[str, ...]

    def head(self, first: Row) -> str:
        check_free(first, self.names)
        return ""

    def line_start(self, row: Row, number: int) -> str:
        check_free(row, self.names)
        return f"{_json(row, row.cells)[:-1]}, "

    def line_end(self, values: Sequence[Value]) -> str:
        predictions = dict(zip(self.names, values, strict=True))
        return json.dumps(predictions, ensure_ascii=False)[1:] + "\n"


@dataclass
class Delimited:
    """Form with cells and a delimiter between; the first row sets the columns."""

    names: tuple[str, ...]
    join: str
    columns: tuple[str, ...] = field(default=(), init=False)

    def head(self, first: Row) -> str:
        check_free(first, self.names)
        self.columns = tuple(first.cells)
        names = [*self.columns, *self.names]
        if self.join == "\t" and (unwritable := [name for name in names if not _is_tabular(name)]):
            raise first.error(f"the column name {unwritable[0]!r} {_UNTABULAR}")
        return self._line(names)

    def line_start(self, row: Row, number: int) -> str:
        if new := [name for name in row.cells if name not in self.columns]:
            raise row.error(
                f"it has the column {new[0]!r}, which the first row lacks; write .jsonl, where "
                "rows may differ"
            )
        return self._line([self._cell(row, name) for name in self.columns])[:-1] + self.join

    def line_end(self, values: Sequence[Value]) -> str:
        flat = _flat(values)
        if self.join == "\t" and not all(_is_tabular(str(value)) for value in flat):
            raise RunError(f"the answer {flat[0]!r} {_UNTABULAR}")
        return self._line(flat)

    def _cell(self, row: Row, column: str) -> str:
        value = row.cells.get(column)
        text = row.peek(column) if value is not None and is_finite(value) else ""
        if text is None:
            text = _json(row, value)
        if self.join == "\t" and not _is_tabular(text):
            raise row.error(f"the column {column!r} {_UNTABULAR}")
        return text

    def _line(self, cells: Sequence[Value]) -> str:
        if self.join == "\t":
            return "\t".join(map(str, cells)) + "\n"
        line = StringIO()
        csv.writer(line, lineterminator="\r\n").writerow(cells)  # so that a lone \r is quoted too
        return line.getvalue()[:-2] + "\n"


@dataclass(frozen=True)
class Numbered:
    """Form with predictions alone, as JSON lists that begin with the row's number."""

    names: tuple[str, ...]

    def head(self, first: Row) -> str:
        check_free(first, self.names)
        return ""

    def line_start(self, row: Row, number: int) -> str:
        check_free(row, self.names)
        try:
            json.dumps(row.cells, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise row.error("it holds half a surrogate pair; write .jsonl") from None
        return f"[{number}, "

    def line_end(self, values: Sequence[Value]) -> str:
        return json.dumps(_flat(values), ensure_ascii=False)[1:] + "\n"


def _flat(values: Sequence[Value]) -> list[Value]:
    """Return the values of cells, a list as its items with spaces between."""
    return [" ".join(map(str, value)) if isinstance(value, list) else value for value in values]


def form_of(ending: str, names: tuple[str, ...]) -> Form:
    """Return the form of a file with this ending.

    Raises RunError if none has it.
    """
    match ending:
        case ".jsonl":
            return JsonLines(names)
        case ".csv" | ".tsv":
            return Delimited(names, _JOINS[ending])
        case ".parquet":
            return Numbered(names)
    raise RunError(
        f"cannot write a table that ends in {ending or 'nothing'!r}; use {', '.join(ENDINGS)}"
    )


def check_free(row: Row, names: Sequence[str]) -> None:
    """Raise DataError if the row already has a column of the predictions."""
    if taken := [name for name in names if name in row.cells]:
        raise row.error(
            f"there is a column {taken[0]!r} already; have the new ones named otherwise, e.g. by "
            "`prefix` predicted_"
        )


def _is_tabular(text: str) -> bool:
    return "\t" not in text and "\n" not in text


def _json(row: Row, value: object) -> str:
    """Return a value of the row as JSON; dates, decimals and the like as texts, NaN as null."""
    try:
        text = encoded(value, _plain)
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape
        return json.dumps(json.loads(text))
    except TypeError:
        raise row.error("it holds bytes, which are no text; write .parquet") from None
    return text


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        raise TypeError
    return str(value)
