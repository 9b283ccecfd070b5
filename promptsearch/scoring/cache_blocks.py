"""A block of the score cache: a file of records, each of some rows and their scores.

A record is a header (magic, format version, rows, width, checksum), then a 16-byte key a row, then
float32 little-endian values, (row, width). The checksum covers the block's name and all of the
record but itself: what was cut short, flipped, or moved here from another block is no record.
"""

import errno
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Known = NDArray[np.bool_]
Values = NDArray[np.float32]

KEY_BYTES = 16
_MAGIC = b"\x89PSCORE\n"  # no text starts like this, and no text mode leaves it whole
_VERSION = 1
_FIELDS = struct.Struct("<8sIII")  # magic, version, rows, width
_CHECKSUM_BYTES = 16
_HEAD_BYTES = _FIELDS.size + _CHECKSUM_BYTES


@dataclass(frozen=True)
class BlockInfo:
    """Contents of a block; damaged if not all of it is records of one width, or it has none."""

    scores: int  # rows x width, each row once
    bytes: int
    damaged: bool


@dataclass(frozen=True)
class _Record:
    """A valid record and where in the block it stands."""

    start: int
    data: bytes
    rows: int
    width: int

    @property
    def end(self) -> int:
        return self.start + len(self.data)

    @property
    def keys(self) -> list[bytes]:
        keys = np.frombuffer(self.data, f"V{KEY_BYTES}", count=self.rows, offset=_HEAD_BYTES)
        return list(keys.tolist())

    @property
    def values(self) -> Values:
        """Scores (row, width), a read-only view of the record's bytes."""
        start = _HEAD_BYTES + self.rows * KEY_BYTES
        return np.frombuffer(self.data, "<f4", offset=start).reshape(self.rows, self.width)


def digest(*parts: object) -> str:
    """A name for what `parts` (JSON values) say, 32 hex digits; `TypeError` for other values."""
    return _hashed(parts).hex()


def row_key(inputs: Mapping[str, str], targets: Sequence[str] = ()) -> bytes:
    """Return the key of an example, 16 bytes, from what its stored scores depend on."""
    return _hashed([dict(inputs), list(targets)])


def _hashed(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True)  # ASCII: lone surrogates have a key too
    return blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def find(path: Path, rows: Sequence[bytes]) -> tuple[Known, Values]:
    """known (row,) and values (row, width), NaN where unknown; of values stored twice the last.

    The width is that of the last valid record, 0 without one. `OSError` if there is no block.
    """
    stored = _of_width(list(_records(path, path.read_bytes())))
    if not stored:
        return nothing(rows)
    keys = [key for record in stored for key in record.keys]
    place_of = dict(zip(keys, range(len(keys)), strict=True))  # of equal keys the last stays
    index = np.fromiter(map(place_of.get, rows, repeat(-1)), dtype=np.intp, count=len(rows))
    known = index >= 0
    values = np.full((len(rows), stored[0].width), np.nan, dtype=np.float32)
    values[known] = np.concatenate([record.values for record in stored])[index[known]]
    return known, values


def nothing(rows: Sequence[bytes]) -> tuple[Known, Values]:
    """Return what `find` says where nothing is stored: known (row,), values (row, 0)."""
    return np.zeros(len(rows), dtype=np.bool_), np.empty((len(rows), 0), dtype=np.float32)


def append(path: Path, rows: Sequence[bytes], values: Values) -> None:
    """Add a record in one write; what is no valid record of its width goes.

    For one writer at a time. `OSError` if it cannot be written; whole records are left then.
    """
    record = _encoded(path, rows, values)
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        data = file.read()
        records = _of_width(list(_records(path, data)), values.shape[1])
        good = _good_start(records)
        later = b"".join(each.data for each in records if each.start >= good)
        if good < len(data):
            file.truncate(good)
        if file.write(later + record) != len(later + record):
            file.truncate(good)  # half a record is of no use to anyone
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def inspected(path: Path) -> BlockInfo:
    """Return what the block holds, every record checked; a file that cannot be read is damaged."""
    data = content(path) or b""
    records = _of_width(list(_records(path, data)))
    scores = (
        len({key for each in records for key in each.keys}) * records[0].width if records else 0
    )
    return BlockInfo(scores, len(data), damaged=not records or _good_start(records) < len(data))


def content(path: Path) -> bytes | None:
    """Return the file's bytes, None where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _encoded(path: Path, rows: Sequence[bytes], values: Values) -> bytes:
    if any(len(row) != KEY_BYTES for row in rows) or values.ndim != 2 or len(values) != len(rows):
        raise ValueError(
            f"{len(rows)} rows and values of shape {values.shape} make no record; give a "
            f"{KEY_BYTES}-byte key for each row of (row, width) values"
        )
    fields = _FIELDS.pack(_MAGIC, _VERSION, *values.shape)
    payload = b"".join(rows) + values.astype("<f4", copy=False).tobytes()
    return fields + _checksum(path, fields, payload) + payload


def _records(path: Path, data: bytes) -> Iterator[_Record]:
    """Yield the valid records in order; what stands between them is passed over."""
    start = data.find(_MAGIC)
    while start >= 0:
        record = _record_at(path, data, start)
        if record is not None:
            yield record
        start = data.find(_MAGIC, start + 1 if record is None else record.end)


def _record_at(path: Path, data: bytes, start: int) -> _Record | None:
    if len(data) - start < _HEAD_BYTES:
        return None
    _, version, rows, width = _FIELDS.unpack_from(data, start)
    end = start + _HEAD_BYTES + rows * (KEY_BYTES + 4 * width)
    if version != _VERSION or end > len(data):
        return None
    whole = data[start:end]
    fields, checksum = whole[: _FIELDS.size], whole[_FIELDS.size : _HEAD_BYTES]
    if checksum != _checksum(path, fields, memoryview(whole)[_HEAD_BYTES:]):
        return None
    return _Record(start, whole, rows, width)


def _checksum(path: Path, fields: bytes, payload: bytes | memoryview) -> bytes:
    """Return the checksum of a record of <scorer>/<prompt>.scores, wherever the cache stands."""
    block = f"{path.parent.name}/{path.name}".encode()
    hashed = blake2b(block, digest_size=_CHECKSUM_BYTES)
    hashed.update(fields)
    hashed.update(payload)
    return hashed.digest()


def _of_width(stored: list[_Record], width: int | None = None) -> list[_Record]:
    """Return the records of that width, by default the last one's: a block has one."""
    return [each for each in stored if each.width == (stored[-1].width if width is None else width)]


def _good_start(records: Sequence[_Record]) -> int:
    """Return the bytes that the first records take without a gap."""
    good = 0
    for record in records:
        good = record.end if record.start == good else good
    return good
