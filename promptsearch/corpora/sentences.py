"""Text to mine: any number of files, streamed in chunks and cut into shards.

Memory is one chunk (or one line, where a line is longer), whatever the size of the corpus. Plain
text is never taken apart here: a line is a paragraph, and whole blocks of lines are handed on.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from promptsearch.corpora.evidence import Annotated, Mention, restored
from promptsearch.corpora.sentence_boundaries import PAD
from promptsearch.data.tables.rows import FORMATS, Row, TableFormat, read_rows
from promptsearch.data.tables.strict_json import decoded, is_finite
from promptsearch.errors import DataError
from promptsearch.files.read import COMPRESSED, ENCODING, check_utf8, kind_of, open_bytes, open_text

BLOCK = 2 << 20  # bytes of text in a chunk
SHARD = 16 << 20  # bytes of a file in a shard; fixed, so that checkpoints outlive --workers
LONGEST_LINE = 16 * BLOCK  # a longer line is taken in pieces
TEXT_COLUMNS = ("sentence", "text", "content")
_SPLITTABLE = ("", ".txt", ".jsonl")  # a row or a paragraph a line


@dataclass(frozen=True)
class CorpusFormat:
    """The format of a corpus as far as its files cannot tell: text column and encoding."""

    column: str | None = None  # that holds the text; None: the first of TEXT_COLUMNS
    encoding: str = ENCODING

    def __repr__(self) -> str:
        """Return the text that checkpoints' keys digest: its words are the first version's."""
        return f"Reading(column={self.column!r}, encoding={self.encoding!r})"


@dataclass(frozen=True)
class Shard:
    """The lines of a file that start in [start, stop); without a stop, to its end."""

    path: Path
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True)
class Chunk:
    """Padded UTF-8 paragraphs, a line each, and the mentions known beforehand (as byte spans)."""

    text: bytes
    known: tuple[Mention, ...] = ()


def shards_of(path: Path, size: int = SHARD, encoding: str = ENCODING) -> list[Shard]:
    """Return the file cut at byte offsets; whole where it is small, compressed or not a row a line.

    Bytes that end a line in UTF-8 may be part of a character elsewhere: those are whole, too.
    """
    whole = path.stat().st_size
    if whole <= size or encoding != ENCODING or not is_splittable(path):
        return [Shard(path)]
    offsets = range(0, whole, size)
    return [Shard(path, start, min(start + size, whole)) for start in offsets]


def is_splittable(path: Path) -> bool:
    """Return whether reading may start in the middle: uncompressed, one record a line."""
    is_plain = path.suffix.lower() not in COMPRESSED
    return is_plain and (kind_of(path) not in FORMATS or kind_of(path) in _SPLITTABLE)


def chunks(shard: Shard, reading: CorpusFormat = CorpusFormat()) -> Iterator[Chunk]:
    """Yield the shard's text; `DataError` names the file and line that cannot be read."""
    kind, is_utf8 = kind_of(shard.path), reading.encoding == ENCODING
    if kind in FORMATS:
        fast = kind == ".jsonl" and is_utf8
        yield from _row_chunks(shard, reading, _json_rows(shard) if fast else None)
    elif is_utf8:
        for block in _blocks(shard):
            yield Chunk(PAD + _without_mark(_checked(block, shard.path)) + PAD)
    else:
        with open_text(shard.path, reading.encoding) as lines:
            yield from joined((line, ()) for line in lines)


def _row_chunks(shard: Shard, reading: CorpusFormat, rows: Iterable[Row] | None) -> Iterator[Chunk]:
    if rows is None:
        rows = read_rows(shard.path, TableFormat(encoding=reading.encoding))
    try:
        yield from joined(text for row in rows for text in texts_of(row, reading.column))
    except DataError:
        _blame(shard.path, reading)
        raise


def joined(texts: Iterable[Annotated]) -> Iterator[Chunk]:
    """Chunks of texts that are paragraphs of their own; line ends inside them become spaces."""
    lines: list[bytes] = []
    known: list[Mention] = []
    size = len(PAD)
    for text, mentions in texts:
        known += [_in_bytes(text, mention, size) for mention in mentions]
        lines.append(text.replace("\n", " ").encode())
        size += len(lines[-1]) + 1
        if size > BLOCK:
            yield Chunk(PAD + b"\n".join(lines) + PAD, tuple(known))
            lines, known, size = [], [], len(PAD)
    if lines:
        yield Chunk(PAD + b"\n".join(lines) + PAD, tuple(known))


def texts_of(row: Row, column: str | None) -> Iterator[Annotated]:
    """Yield the text of a row, or the restored sentences of an evidence row."""
    if column is None and "evidences" in row.cells:
        yield from restored(row.cells)
        return
    name = column or _text_column(row)
    if (text := row.peek(name)) is not None:
        yield text, ()
    elif (value := row.cells.get(name, "")) is not None and is_finite(value):
        # A null, or NaN, is no text; anything else is an error.
        yield row.text(name), ()


def _text_column(row: Row) -> str:
    for name in TEXT_COLUMNS:
        if name in row.cells:
            return name
    raise row.error(
        f"no column is named {', '.join(TEXT_COLUMNS)}; the columns are "
        f'{", ".join(row.cells) or "none"}: say which holds the text, corpus_column = "..."'
    )


def _in_bytes(text: str, mention: Mention, offset: int) -> Mention:
    """Return the same mention, counted in the chunk's bytes."""

    def moved(span: tuple[int, int]) -> tuple[int, int]:
        start = offset + len(text[: span[0]].encode())
        return start, start + len(text[span[0] : span[1]].encode())

    subject_span, object_span = moved(mention.subject_span), moved(mention.object_span)
    return Mention(mention.subject, mention.object, subject_span, object_span)


def _blocks(shard: Shard) -> Iterator[bytes]:
    """Whole lines, about `BLOCK` bytes at a time: the lines that start inside the shard."""
    if not shard.start:
        check_utf8(shard.path)
    with open_bytes(shard.path) as stream:
        position = 0
        if shard.start:
            stream.seek(shard.start - 1)
            position = shard.start - 1 + len(stream.readline())
        while shard.stop is None or position < shard.stop:
            size = BLOCK if shard.stop is None else min(BLOCK, shard.stop - position)
            if not (block := stream.read(size)):
                return
            position += len(block)
            while not block.endswith(b"\n") and (rest := stream.readline(BLOCK)):
                position += len(rest)
                block += rest
                if len(block) > LONGEST_LINE:
                    head, space, block = block.rpartition(b" ")
                    yield head + space
            yield block


def _checked(block: bytes, path: Path) -> bytes:
    """Return the block, if it is UTF-8; else the error of the first line that is not."""
    try:
        block.decode()
    except UnicodeDecodeError as error:
        with open_text(path) as stream:
            for _ in stream:
                pass
        raise DataError.at(path, None, f"not UTF-8 ({error.reason})") from None
    return block


def _without_mark(block: bytes) -> bytes:
    return block.removeprefix(b"\xef\xbb\xbf")


def _json_rows(shard: Shard) -> Iterator[Row]:
    """Yield the rows of one shard's lines, counted from its start."""
    number = 0
    for block in _blocks(shard):
        for line in _without_mark(_checked(block, shard.path)).split(b"\n"):
            number += 1
            if line.strip():
                yield Row(shard.path, number, _cells(line, shard.path))


def _cells(line: bytes, path: Path) -> Mapping[str, object]:
    try:
        cells = decoded(line.decode("utf-8-sig"))
    except ValueError:
        cells = None
    if not isinstance(cells, dict):
        raise DataError.at(path, None, "a line is not a JSON object")
    return cells


def _blame(path: Path, reading: CorpusFormat) -> None:
    """Read the file from its start, where lines can be counted, up to the line that is wrong."""
    for row in read_rows(path, TableFormat(encoding=reading.encoding)):
        for _ in texts_of(row, reading.column):
            pass
