"""Labelling of any number of rows: a chunk is read, scored and written before the next.

`Done` is the progress over the rows; with one, a pass goes on where another ended. Its rows are
read again and must be the same, by their fingerprint.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Protocol, TypeGuard

from promptsearch.data import Example, Row
from promptsearch.data.tables.rows import renamed
from promptsearch.data.tasks.reader import Reader
from promptsearch.data.tasks.tagged_sentence import Bounds
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.errors import DataError, RunError
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.prediction.table.columns import Columns, Value
from promptsearch.prediction.table.line_formats import Form

CHUNK = 1024  # rows
Rows = Iterator[Row | DataError]
OnBadRow = Callable[[DataError], None]  # raises where the pass is to stop


@dataclass(frozen=True)
class Done:
    """Progress of a pass: counts of rows read and written (the others were left out)."""

    read: int = 0
    written: int = 0
    fingerprint: str = ""  # of the rows read


class Sink(Protocol):
    """Destination of lines."""

    @property
    def done(self) -> Done:
        """Progress that it has stored."""
        ...

    def write(self, text: str, done: Done) -> None:
        """Store some lines, all of them or none, together with the progress."""
        ...


@dataclass(frozen=True)
class Labeller:
    """Pipeline from rows to lines: their reader, the predictor, and the form of the lines."""

    reader: Reader
    predictor: EnsemblePredictor
    columns: Columns
    form: Form

    def lines(self, rows_and_examples: Sequence[tuple[str, Example]]) -> str:
        """Return the rows' complete lines."""
        examples = [example for _, example in rows_and_examples]
        value_rows: list[list[Value]] = []
        for numbers, log_probs in self.predictor.parts(examples):
            choices = [examples[number].choices for number in numbers]
            value_rows += self.columns.values(log_probs, choices)
        rows = zip(rows_and_examples, value_rows, strict=True)
        return "".join(before + self.form.line_end(values) for (before, _), values in rows)


def line_and_example(
    row: Row | DataError, number: int, reader: Reader, form: Form
) -> tuple[str, Example]:
    """Return the first half of a row's line, and the row's example.

    Raises DataError if the row has none.
    """
    if isinstance(row, DataError):
        raise row
    example = _example(row, number, reader)
    return form.line_start(row, number), example


def is_askable(row: Row | DataError, reader: Reader) -> TypeGuard[Row]:
    """Return whether the row has the inputs of an example."""
    try:
        return isinstance(row, Row) and bool(_example(row, 0, reader).inputs)
    except DataError:
        return False


def _example(row: Row, number: int, reader: Reader) -> Example:
    renamed_row = renamed(row, reader.layout)
    words: tuple[str, ...] = ()
    spans: tuple[Bounds, ...] | None = None
    try:
        inputs, choices = reader.inputs_of(renamed_row), reader.choices_of(renamed_row)
        if isinstance(reader, TagsReader):
            words = reader.words_of(renamed_row)
            spans = reader.spans_of(renamed_row, len(words))
    except DataError as error:
        missing = sorted(name for name in reader.columns if name not in renamed_row.cells)
        hint = f"; `rename` COLUMN={missing[0]} says which column it is" if missing else ""
        raise DataError(f"{error}{hint}") from None
    return Example(str(number), inputs, (), words, choices=choices, spans=spans)


def label_rows(
    rows: Rows,
    labeller: Labeller,
    sink: Sink,
    on_bad_row: OnBadRow,
    on_chunk: Callable[[Done], None],
    size: int = CHUNK,
) -> Done:
    """Label all rows that the sink does not hold yet, `size` at a time.

    Raises DataError if a row cannot be read or scored and `on_bad_row` does not let it pass; the
    lines that were written before stay. Raises RunError if the sink's rows were others.
    """
    source = InputRows(rows, labeller)
    done = source.passed_over(sink.done)
    while chunk := source.chunk(size):
        pending = []
        for number, row in enumerate(chunk, done.read):
            try:
                pending.append(line_and_example(row, number, labeller.reader, labeller.form))
            except DataError as error:
                on_bad_row(error)
        text = labeller.lines(pending)
        if pending and not done.written:
            text = source.head + text
        done = Done(done.read + len(chunk), done.written + len(pending), source.fingerprint)
        sink.write(text, done)
        on_chunk(done)
    return done


class InputRows:
    """Rows in their order, their fingerprint, and the head from the first usable one."""

    def __init__(self, rows: Rows, labeller: Labeller) -> None:
        self._rows, self._labeller = rows, labeller
        self._hash = blake2b(digest_size=16)
        self.head = ""
        self._first: Row | None = None

    @property
    def fingerprint(self) -> str:
        return self._hash.hexdigest()

    def chunk(self, size: int) -> list[Row | DataError]:
        """Return the next rows, at most `size`; none at the end."""
        rows = list(islice(self._rows, size))
        for row in rows:
            self._see(row)
        return rows

    def passed_over(self, done: Done) -> Done:
        """Read the rows of an earlier pass. Raises RunError if they have changed."""
        unread = done.read
        while unread and (rows := self.chunk(min(unread, CHUNK))):
            unread -= len(rows)
        if done.read and (unread or self.fingerprint != done.fingerprint):
            raise RunError(
                f"the first {done.read:,} rows of the input are not those that were labelled; "
                "resume with the same input, or start anew with `overwrite`"
            )
        return done

    def _see(self, row: Row | DataError) -> None:
        if isinstance(row, DataError):
            self._hash.update(b"\0")
            return
        self._hash.update(json.dumps(row.cells, default=str).encode())
        if self._first is None and is_askable(row, self._labeller.reader):
            self._first = row
            self.head = self._labeller.form.head(row)
