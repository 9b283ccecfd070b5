"""Files as they come: plain, gzip or Zstandard, in any declared encoding, one, several or a glob.

Everything that reads data reads through here, so a missing file, a damaged archive and a wrong
encoding are said the same way everywhere: the file, the line, the way out.
"""

import codecs
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import glob, has_magic
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from promptsearch.errors import DataError, brief, did_you_mean, listed
from promptsearch.files.encodings import HEAD, agreeing, encoding_of
from promptsearch.files.stdin import STDIN, LineCountingStream, standard_input
from promptsearch.files.unpacked import bounded
from promptsearch.files.zstd import open_zst

COMPRESSED = (".gz", ".zst")
ENCODING = "utf-8-sig"  # UTF-8 with or without a byte order mark
_CHUNK = 1 << 20
_HALF = re.compile("[\ud800-\udfff]")


def kind_of(path: Path) -> str:
    """Return the ending that says what the file holds, compression aside.

    >>> kind_of(Path("a/reviews.TSV.gz"))
    '.tsv'
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def check_file(path: Path) -> None:
    """Raise DataError if there is no such file: its name, or a folder's, is another one."""
    if not os.path.isfile(path):  # unlike Path's, of any name
        raise DataError(_missing(path))


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The decompressed bytes of `path`, streamed; of `STDIN` as they come.

    `DataError` names a missing file (and the nearest name beside it) or a damaged archive, also
    while the caller reads.
    """
    if path == STDIN:
        yield cast(BinaryIO, standard_input())
        return
    check_file(path)
    if not os.access(path, os.R_OK):
        raise DataError.at(path, None, "you may not read this file; change its permissions")
    try:
        with _decompressed(path) as stream:
            yield stream
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        message = f"not a whole {path.suffix} file ({error}); fetch it again"
        raise DataError.at(path, None, message) from None


@contextmanager
def open_text(path: Path, encoding: str = ENCODING, newline: str = "\n") -> Iterator[TextIO]:
    """The text of `path`, streamed and strictly decoded; a byte order mark is left out.

    Lines end at `newline` only (so that a carriage return in a cell splits nothing); with
    `newline=""` at any line end. `DataError` names the line and the byte that are not in
    `encoding`, also while the caller reads, or the encoding that the file begins with.
    """
    encoding = _codec(path, encoding)
    with open_bytes(path) as stream:
        head = stream.head(HEAD) if isinstance(stream, LineCountingStream) else _head(path)
        encoding = _agreed(path, encoding, head)
        try:
            yield io.TextIOWrapper(cast(IO[bytes], stream), encoding, newline=newline)
        except UnicodeDecodeError as error:
            if isinstance(stream, LineCountingStream):
                raise stream.error(
                    error, f"{_encoding_name(encoding)}; {_encoding_hint(_alternative(encoding))}"
                ) from None
            raise _undecodable(path, encoding) from None
        except UnicodeError as error:  # a text in UTF-16 that does not begin as one
            way_out = _encoding_hint(_alternative(encoding))
            message = f"is not {_encoding_name(encoding)}: {error}; {way_out}"
            raise DataError.at(path, None, message) from None


def check_utf8(path: Path) -> None:
    """Raise DataError if the file begins as one in another encoding than UTF-8."""
    _agreed(path, ENCODING, _head(path))


def expand(patterns: Sequence[str | Path], folder: Path) -> tuple[Path, ...]:
    """The files that `patterns` mean, relative ones seen from `folder`; a glob's files sorted.

    A file named twice is read once. `DataError` for a missing file or a glob without a match.
    """
    paths: dict[Path, None] = {}
    for pattern in map(str, patterns):
        path = folder / pattern
        if os.path.isfile(path):
            paths[path] = None
        elif has_magic(pattern) and "\0" not in pattern:
            paths.update(dict.fromkeys(_matches(pattern, folder)))
        else:
            raise DataError(_missing(path))
    return tuple(paths)


def expand_one(pattern: str | Path, folder: Path) -> Path:
    """Return the one file that a pattern means. Raises DataError where it means none or several."""
    path, *others = expand([pattern], folder)
    if others:
        names = listed([str(each) for each in (path, *others)], 3)
        raise DataError(
            f"{str(pattern)!r} means {1 + len(others)} files, {names}; name one of them"
        )
    return path


def sha256(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the files' bytes as they lie on the disk, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def is_whole(text: str) -> bool:
    """Return whether the text has no half character (JSON can escape one, `\ud83d`)."""
    return text.isascii() or not _HALF.search(text)


def _matches(pattern: str, folder: Path) -> list[Path]:
    names = sorted(glob(pattern, root_dir=folder, recursive=True))
    if files := [path for name in names if (path := folder / name).is_file()]:
        return files
    raise DataError(f"no file matches {str(folder / pattern)!r}; correct the pattern")


def _missing(path: Path) -> str:
    name = brief(str(path), 200)
    if os.path.isdir(path):
        return f"{name} is a folder, not a file; name the files in it, e.g. '{name}/*.jsonl'"
    if not os.path.isdir(path.parent):
        folder = brief(str(path.parent), 200)
        return f"there is no file {name}: the folder {folder} does not exist; correct the path"
    return (
        f"there is no file {name}{did_you_mean(path.name, _names(path.parent))}; correct the path"
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # a folder that may be entered and not read
        return []


def _head(path: Path) -> bytes:
    with open_bytes(path) as stream:
        return stream.read(HEAD)


def _agreed(path: Path, encoding: str, head: bytes) -> str:
    """Return the codec that reads a file with this beginning. Raises DataError if none does."""
    if (codec := agreeing(encoding, head)) is not None:
        return codec
    actual = _encoding_name(encoding_of(head) or "")
    message = f"it is {actual}, not {_encoding_name(encoding)}; {_encoding_hint(actual)}"
    raise DataError.at(path, None, message)


@contextmanager
def _decompressed(path: Path) -> Iterator[BinaryIO]:
    match path.suffix.lower():
        case ".gz":
            with gzip.open(path, "rb") as stream:
                yield bounded(path, cast(BinaryIO, stream))
        case ".zst":
            with open_zst(path) as stream:
                yield bounded(path, stream)
        case _:
            with path.open("rb") as plain:
                yield plain


def _undecodable(path: Path, encoding: str) -> DataError:
    """Read again, by the line, to find where: the first decoder only knew its own buffer."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                decoder.decode(line)
            except UnicodeDecodeError as error:
                byte = error.object[error.start]
                message = f"byte {error.start + 1} (0x{byte:02x}) is not {_encoding_name(encoding)}"
                way_out = _encoding_hint(_alternative(encoding))
                return DataError.at(path, number, f"{message}; {way_out}")
    return DataError.at(
        path, None, f"its end is not {_encoding_name(encoding)}; fetch the file again"
    )


def _encoding_name(encoding: str) -> str:
    return "UTF-8" if encoding == ENCODING else encoding


def _alternative(encoding: str) -> str:
    return "latin-1" if encoding == ENCODING else "utf-8"


def _encoding_hint(alternative: str) -> str:
    return (
        f'if the file is in another encoding, say so in the task file: encoding = "{alternative}" '
        f"(predict and init: `encoding` {alternative}; import: save it as UTF-8)"
    )


def _codec(path: Path, encoding: str) -> str:
    """Return the encoding to read with: UTF-8 may always start with a byte order mark."""
    try:
        name = codecs.lookup(encoding).name
        "x".encode(encoding)
    except (LookupError, ValueError):  # unknown, no name, or of no text, such as base64
        message = f"there is no text encoding {brief(encoding)!r}; say e.g. utf-8 or latin-1"
        raise DataError.at(path, None, message) from None
    return ENCODING if name == "utf-8" else encoding
