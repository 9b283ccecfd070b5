"""What compressed files unpack to, as far as a text may: a few bytes can stand for terabytes."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from promptsearch.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FREE = 256 << 20  # bytes that any file may unpack to
RATIO = 250  # times its size that a larger one may; text is some 3 to 50 times smaller packed
_CHUNK = 1 << 17


def bounded(path: Path, stream: BinaryIO) -> BinaryIO:
    """Return the unpacked bytes of a file; reading on raises DataError beyond the bound."""
    reader = _Bounded(path, stream, max(FREE, RATIO * path.stat().st_size))
    return cast(BinaryIO, io.BufferedReader(reader, _CHUNK))


class _Bounded(io.RawIOBase):
    """Reads a stream and counts."""

    def __init__(self, path: Path, stream: BinaryIO, bound: int) -> None:
        self._path, self._stream, self._bound = path, stream, bound
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        data = self._stream.read(len(target))
        self._count += len(data)
        if self._count > self._bound:
            raise DataError.at(
                self._path,
                None,
                f"it unpacks to more than {self._bound >> 20:,} MB, over {RATIO} times its size, "
                "as no text does; if it is one, unpack it and name that file",
            )
        target[: len(data)] = data
        return len(data)
