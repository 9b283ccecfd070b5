"""Sentences of tagged words for a task of spans: their types, and the spans that a row names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from promptsearch.data.examples import Example
from promptsearch.data.tables.conll import ColumnFile
from promptsearch.data.tables.rows import Row
from promptsearch.data.tasks.tagged_sentence import Bounds, TaggedSentence
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.errors import DataError, brief
from promptsearch.language.spans import OUTSIDE, type_of


@dataclass(frozen=True)
class SpansReader(TagsReader):
    """Reads any split of one task the same way; the targets of a sentence are types of spans."""

    labels_key: ClassVar[str] = "answers"

    spans: str | None = None  # the column of spans; None: all up to a length are asked about

    def example(self, sentence: TaggedSentence, number: int) -> Example:
        """Return a sentence as an example, its targets the types of its spans, or `O`."""
        types = sorted({type_of(tag) for tag in sentence.tags if tag != OUTSIDE})
        return replace(sentence.example(number), target=tuple(types) or (OUTSIDE,))

    @property
    def columns(self) -> frozenset[str]:
        """The columns of rows that none may lack, its tags aside."""
        return super().columns | ({self.spans} if self.spans else frozenset())

    def spans_of(self, row: Row, words: int) -> tuple[Bounds, ...] | None:
        """Return the spans that a row asks about; None: those that the task says of every row.

        Raises DataError at one that is none of its words.
        """
        if self.spans is None:
            return None
        cell = row.cell(self.spans)
        if not isinstance(cell, list | tuple):
            raise row.error(
                f"the column {self.spans!r} has {brief(repr(cell))}; write a list of spans, "
                "[[0, 2], [5, 6]] say: first word, and the one after the last"
            )
        return tuple(dict.fromkeys(self._bounds(row, value, words) for value in cell))

    def _bounds(self, row: Row, value: object, words: int) -> Bounds:
        if isinstance(value, Sequence) and len(value) == 2 and all(type(n) is int for n in value):
            start, stop = value
            if 0 <= start < stop <= words:
                return start, stop
        raise row.error(
            f"the column {self.spans!r} has {brief(repr(value))}, and a span is [START, STOP]: its "
            f"first word, from 0, and the one after its last, up to {words}"
        )

    def _file(self, path: Path) -> ColumnFile:
        if self.spans is not None:
            message = f"columns of words name no spans; give rows with {self.spans!r}, or remove"
            raise DataError.at(path, None, f"{message} the key spans")
        return super()._file(path)
