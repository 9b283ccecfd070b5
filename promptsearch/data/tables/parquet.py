"""Parquet tables, read batch by batch. pyarrow is an extra, imported when a file needs it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from promptsearch.errors import DataError
from promptsearch.files.packages import install_command
from promptsearch.files.read import COMPRESSED, open_bytes

_NANOSECONDS = ("timestamp[ns", "time64[ns", "duration[ns")
# What pyarrow raises at values that Python cannot hold: days after 9999, nanoseconds, zones that
# this machine does not know, bytes that are no UTF-8, structs with two fields of one name.
_UNHELD = (ValueError, ArithmeticError, LookupError, NotImplementedError, TypeError)


@dataclass(frozen=True)
class Unreadable:
    """A value that Python has no type for, as a row holds it: a day beyond the year 9999, say."""

    type: str

    def __str__(self) -> str:
        return f"({self.type})"


@dataclass(frozen=True)
class ParquetTable:
    """An open file; `DataError` names it where a part of it is damaged."""

    path: Path
    file: Any  # pyarrow's ParquetFile

    @property
    def schema(self) -> Any:
        return self.file.schema_arrow

    def batches(self) -> Iterator[Any]:
        with _damage_named(self.path):
            yield from self.file.iter_batches()


def parquet_rows(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the rows as dictionaries, each with its number: Parquet has no lines."""
    with open_parquet(path) as table:
        names = table.schema.names
        if twice := [name for name in names if names.count(name) > 1]:
            raise DataError.at(path, None, f"two columns are named {twice[0]!r}; rename one")
        rows = (row for batch in table.batches() for row in _rows(names, batch))
        yield from enumerate(rows, 1)


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetTable]:
    """Yield the table of a file. Raises DataError if it is none."""
    _, parquet = pyarrow_for(path)
    with open_bytes(path) as stream:
        with _damage_named(path):
            file = parquet.ParquetFile(_seekable(path, stream))
        yield ParquetTable(path, file)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Raise DataError in place of what pyarrow raises at bytes that it cannot read."""
    arrow, _ = pyarrow_for(path)
    try:
        yield
    except (arrow.ArrowException, OSError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        message = f"not a Parquet file, or a damaged one ({reason}); fetch it again"
        raise DataError.at(path, None, message) from None


def pyarrow_for(path: Path) -> tuple[Any, Any]:
    """pyarrow and its Parquet, by name, because they have no types and must not load with us."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        message = f"reading Parquet needs a package that is missing: {install_command('parquet')}"
        raise DataError.at(path, None, message) from None


def _rows(names: Sequence[str], batch: Any) -> Iterator[dict[str, object]]:
    columns = [_values(column) for column in batch.columns]
    for cells in zip(*columns, strict=True):
        yield dict(zip(names, cells, strict=True))


def _values(column: Any) -> list[object]:
    """Return a column's values; times in nanoseconds, for which Python has no type, as texts."""
    try:
        if str(column.type).startswith(_NANOSECONDS):
            column = column.cast(import_module("pyarrow").string())
        values: list[object] = column.to_pylist()
    except _UNHELD:
        return [_value(scalar) for scalar in column]
    return values


def _value(scalar: Any) -> object:
    try:
        return scalar.as_py()
    except _UNHELD:
        return Unreadable(str(scalar.type))


def _seekable(path: Path, stream: BinaryIO) -> BinaryIO:
    """Parquet starts at its end, so a compressed one is unpacked into memory first."""
    return BytesIO(stream.read()) if path.suffix.lower() in COMPRESSED else stream
