"""Standard input, which cannot be read again: its lines are counted as they pass."""

import io
import sys
from pathlib import Path
from typing import cast

from promptsearch.errors import DataError

STDIN = Path("<stdin>")  # as errors name it


class LineCountingStream(io.BufferedIOBase):
    """The bytes of a stream, and how many lines ended before those handed out last."""

    def __init__(self, source: io.BufferedIOBase) -> None:
        self._source = source
        self._ended = 0
        self._unread = b""
        self._last = b""

    def readable(self) -> bool:
        return True

    def head(self, size: int) -> bytes:
        """Return the first bytes, which will be read even so; before anything is read."""
        self._unread = self._source.read1(size)
        return self._unread

    def read(self, size: int | None = -1, /) -> bytes:
        ahead, self._unread = self._unread, b""
        if size is not None and size >= 0:
            size = max(0, size - len(ahead))
        return self._passed(ahead + self._source.read(size))

    def read1(self, size: int = -1, /) -> bytes:
        if self._unread:
            ahead, self._unread = self._unread, b""
            return self._passed(ahead)
        return self._passed(self._source.read1(size))

    def error(self, error: UnicodeDecodeError, expected: str) -> DataError:
        """Return the error for a byte of the last block that is not as expected, with its line."""
        line = self._ended + error.object[: error.start].count(b"\n") + 1
        return DataError.at(STDIN, line, f"0x{error.object[error.start]:02x} is not {expected}")

    def _passed(self, data: bytes) -> bytes:
        self._ended += self._last.count(b"\n")
        self._last = data
        return data


def standard_input() -> LineCountingStream:
    """Return the process's own; closing it leaves that open."""
    return LineCountingStream(cast(io.BufferedIOBase, sys.stdin.buffer))
