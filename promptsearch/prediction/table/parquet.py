"""A Parquet file from a table and the predictions of its rows.

Nothing can be added to a Parquet file that a kill left without its end. So predictions are stored
as lines (`line_formats.Numbered`), and at the end the table is read once more, a batch at a time. A
Parquet table's columns keep their types; those of other tables become texts, whole numbers, numbers
or truth values, and JSON where a column holds several of these, or nested ones.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from promptsearch.data import Row, TableFormat
from promptsearch.data.tables.parquet import open_parquet, pyarrow_for
from promptsearch.data.tables.rows import each_row
from promptsearch.data.tables.strict_json import encoded
from promptsearch.files.read import is_whole, kind_of
from promptsearch.prediction.table.columns import Columns

BATCH = 1 << 15  # rows of a row group, where the table has none
WHOLE = range(-(1 << 63), 1 << 63)  # numbers that Parquet holds
JSON = "json"


class ParquetInput(NamedTuple):
    """Columns of a table with their types, and its rows in batches; invalid rows are null."""

    schema: Any
    batches: Iterator[Any]


def write_parquet(
    table: Path, layout: TableFormat, columns: Columns, part: Path, new: Path
) -> None:
    """Write `new`: the rows of the table with predictions in `part`, and these."""
    arrow, parquet = pyarrow_for(new)
    added = [
        arrow.field(name, arrow.string() if text else arrow.float64())
        for name, text in zip(columns.names, columns.texts, strict=True)
    ]
    with _opened(table, layout) as table_input, part.open(encoding="utf-8") as lines:
        schema, predictions, first = table_input.schema, _Predictions(lines), 0
        for field in added:
            schema = schema.append(field)
        with parquet.ParquetWriter(new, schema) as writer:
            for batch in table_input.batches:
                predicted = predictions.until(first + batch.num_rows)
                indices = arrow.array([row - first for row, *_ in predicted], arrow.int64())
                chosen = arrow.Table.from_batches([batch]).take(indices)
                for number, field in enumerate(added, 1):
                    values = [prediction[number] for prediction in predicted]
                    chosen = chosen.append_column(field, [arrow.array(values, field.type)])
                writer.write_table(chosen.cast(schema))
                first += batch.num_rows


class _Predictions:
    """Lines of a part in order, each `[row, value, ...]`."""

    def __init__(self, lines: TextIO) -> None:
        self._lines = map(json.loads, lines)
        self._next: list[Any] | None = next(self._lines, None)

    def until(self, row: int) -> list[list[Any]]:
        """Return the next predictions of rows before this one."""
        predictions = []
        while self._next is not None and self._next[0] < row:
            predictions.append(self._next)
            self._next = next(self._lines, None)
        return predictions


@contextmanager
def _opened(table: Path, layout: TableFormat) -> Iterator[ParquetInput]:
    if (layout.ending or kind_of(table)) == ".parquet":
        with open_parquet(table) as source:
            yield ParquetInput(source.schema, source.batches())
        return
    arrow, _ = pyarrow_for(table)
    kinds = _kinds(table, layout)
    types = {JSON: arrow.string(), "text": arrow.string(), "flag": arrow.bool_()}
    types |= {"whole": arrow.int64(), "number": arrow.float64()}
    schema = arrow.schema([(name, types[kind]) for name, kind in kinds.items()])
    yield ParquetInput(schema, _batches(table, layout, kinds, schema))


def _batches(
    table: Path, layout: TableFormat, kinds: Mapping[str, str], schema: Any
) -> Iterator[Any]:
    arrow, _ = pyarrow_for(table)
    rows = each_row(table, layout)
    while chunk := list(islice(rows, BATCH)):
        cells: Sequence[Mapping[str, object]] = [
            row.cells if isinstance(row, Row) else {} for row in chunk
        ]
        columns = [
            arrow.array([_whole(_value(row.get(name), kind)) for row in cells], column_type)
            for (name, kind), column_type in zip(kinds.items(), schema.types, strict=True)
        ]
        yield arrow.record_batch(columns, schema=schema)


def _kinds(table: Path, layout: TableFormat) -> dict[str, str]:
    """Return each column's kind: "flag", "whole", "number", "text", or "json" for several."""
    kinds: dict[str, set[str]] = {}
    for row in each_row(table, layout):
        if isinstance(row, Row):
            for name, value in row.cells.items():
                kinds_of_column = kinds.setdefault(name, set())
                if value is not None:
                    kinds_of_column.add(_kind(value))
    return {name: _together(kinds_of_column) for name, kinds_of_column in kinds.items()}


def _together(kinds: set[str]) -> str:
    if kinds == {"whole", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else JSON if kinds else "text"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "flag"
        case int():
            return "whole" if value in WHOLE else JSON
        case float():
            return "number"
        case str():
            return "text"
        case _:
            return JSON


def _whole(value: object) -> object:
    """Return the value; None for half a character, which rows that were left out may hold."""
    return None if isinstance(value, str) and not is_whole(value) else value


def _value(value: object, kind: str) -> object:
    if value is None:
        return None
    if kind == "number" and isinstance(value, int):
        return float(value)
    return encoded(value) if kind == JSON else value
