"""Parquet tables, read batch by batch. pyarrow is an extra, imported when a file needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from promptsearch.errors import DataError
from promptsearch.files.read import COMPRESSED, open_bytes


def parquet_rows(path: Path) -> Iterator[tuple[int, object]]:
    """Yield the rows as dictionaries, each with its number: Parquet has no lines."""
    with open_parquet(path) as file:
        rows = (row for batch in file.iter_batches() for row in _plain(batch).to_pylist())
        yield from enumerate(rows, 1)


@contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """pyarrow's `ParquetFile`. Raises DataError if it is none, also while the caller reads."""
    arrow, parquet = pyarrow_for(path)
    with open_bytes(path) as stream:
        try:
            yield parquet.ParquetFile(_seekable(path, stream))
        except arrow.ArrowInvalid as error:
            message = f"not a Parquet file ({str(error).splitlines()[0]}); fetch it again"
            raise DataError.at(path, None, message) from None


def pyarrow_for(path: Path) -> tuple[Any, Any]:
    """pyarrow and its Parquet, by name, because they have no types and must not load with us."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        message = "reading Parquet needs a package that is missing; pip install pyarrow"
        raise DataError.at(path, None, message) from None


def _plain(batch: Any) -> Any:
    """Return the batch with texts for times in nanoseconds, for which Python has no type."""
    text = import_module("pyarrow").string()
    for index, field in enumerate(batch.schema):
        if str(field.type).startswith("timestamp[ns"):
            batch = batch.set_column(index, field.name, batch.column(index).cast(text))
    return batch


def _seekable(path: Path, stream: BinaryIO) -> BinaryIO:
    """Parquet starts at its end, so a compressed one is unpacked into memory first."""
    return BytesIO(stream.read()) if path.suffix.lower() in COMPRESSED else stream
