"""Zstandard streams: every frame of a file, and an error where the last one is cut.

`zstandard.open` stops after the first frame and takes a cut file for a short one; a corpus would
lose its end in silence. The package is an extra, imported when a file needs it.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from promptsearch.errors import DataError
from promptsearch.files.packages import install_command

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 1 << 17
_PIECE = 1 << 12  # bytes unpacked at a time: what they stand for is in memory, up to 32,768 times
_WINDOW = 1 << 31  # files made with `zstd --long=31`


@contextmanager
def open_zst(path: Path) -> Iterator[BinaryIO]:
    """The decompressed bytes of `path`. Raises DataError if it is damaged, also while reading."""
    try:
        zstandard: Any = import_module("zstandard")
    except ImportError:
        message = f"reading .zst needs a package that is missing: {install_command('zst')}"
        raise DataError.at(path, None, message) from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    try:
        with path.open("rb") as raw:
            yield cast(BinaryIO, io.BufferedReader(_Frames(raw, decompressor), _CHUNK))
    except zstandard.ZstdError as error:
        message = f"not a whole .zst file ({error}); fetch it again"
        raise DataError.at(path, None, message) from None


class _Frames(io.RawIOBase):
    """Reads one frame after the other."""

    def __init__(self, raw: BinaryIO, decompressor: Any) -> None:
        self._raw, self._decompressor = raw, decompressor
        self._frame: Any = None  # None between two frames
        self._unread = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._ready:
            if not (chunk := self._unread or self._raw.read(_PIECE)):
                return self._end()
            self._ready = memoryview(self._decompressed(chunk))
        target = memoryview(buffer)
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decompressed(self, chunk: bytes) -> bytes:
        self._frame = self._frame or self._decompressor.decompressobj()
        data: bytes = self._frame.decompress(chunk)
        self._unread = self._frame.unused_data
        if self._frame.eof:
            self._frame = None
        return data

    def _end(self) -> int:
        if self._frame is not None:
            raise EOFError("its last frame is cut")
        return 0
