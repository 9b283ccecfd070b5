"""Facts: subject-object pairs as examples, one a subject."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data import Example
from promptsearch.data.tables.rows import Row, TableFormat, read_rows

SUBJECT = "subject"  # the field's name in every template, whatever the column is called


@dataclass(frozen=True)
class FactsReader:
    """Reads any split of one task the same way."""

    layout: TableFormat
    subject: str
    object: str

    def examples(self, paths: Sequence[Path]) -> tuple[Example, ...]:
        """Return one example a subject, in order of first appearance, with all right objects."""
        return self.of_rows(row for path in paths for row in read_rows(path, self.layout))

    def of_rows(self, rows: Iterable[Row]) -> tuple[Example, ...]:
        objects: dict[str, dict[str, None]] = {}  # subject -> its objects, each once
        for row in rows:
            subject, right = self._subject(row), row.text(self.object).strip()
            objects.setdefault(subject, {})[right] = None
        return tuple(
            Example(str(index), {SUBJECT: subject}, tuple(right))
            for index, (subject, right) in enumerate(objects.items())
        )

    @property
    def columns(self) -> frozenset[str]:
        """The columns that no row may lack, its object aside."""
        return frozenset([self.subject])

    def inputs_of(self, row: Row) -> dict[str, str]:
        """Return what a template may read of the row, which needs no object."""
        return {SUBJECT: self._subject(row)}

    def _subject(self, row: Row) -> str:
        return row.text(self.subject).strip()


def objects_of(*splits: Sequence[Example]) -> tuple[str, ...]:
    """Return the distinct right objects, in order of first appearance."""
    return tuple(
        dict.fromkeys(right for split in splits for example in split for right in example.targets)
    )
