"""Parquet tables, read batch by batch. pyarrow is an extra, imported when a file needs it."""

from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from promptsearch.corpora.files import COMPRESSED, open_bytes
from promptsearch.errors import DataError


def parquet_rows(path: Path) -> Iterator[tuple[int, object]]:
    """The rows as dictionaries, each with its number: Parquet has no lines."""
    arrow, parquet = _pyarrow(path)
    with open_bytes(path) as stream:
        try:
            batches = parquet.ParquetFile(_seekable(path, stream)).iter_batches()
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), 1)
        except arrow.ArrowInvalid as error:
            message = f"not a Parquet file ({str(error).splitlines()[0]}); fetch it again"
            raise DataError.at(path, None, message) from None


def _seekable(path: Path, stream: BinaryIO) -> BinaryIO:
    """Parquet starts at its end, so a compressed one is unpacked into memory first."""
    return BytesIO(stream.read()) if path.suffix.lower() in COMPRESSED else stream


def _pyarrow(path: Path) -> tuple[Any, Any]:
    """By name, because pyarrow has no types and must not load with us."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        message = "reading Parquet needs a package that is missing; pip install pyarrow"
        raise DataError.at(path, None, message) from None
