"""Facts: subject-object pairs as examples, one a subject."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data import Example
from promptsearch.data.tables.rows import Row, TableFormat, read_rows
from promptsearch.data.tasks.choices_column import ChoicesColumn

SUBJECT = "subject"  # the field's name in every template, whatever the column is called


@dataclass(frozen=True)
class FactsReader:
    """Reads any split of one task the same way."""

    layout: TableFormat
    subject: str
    object: str
    choices: ChoicesColumn | None = None

    def of(self, layout: TableFormat) -> "FactsReader":
        """Return the reader of tables in another format."""
        layout = layout if self.choices is None else self.choices.layout(layout)
        return replace(self, layout=layout)

    def examples(self, paths: Sequence[Path]) -> tuple[Example, ...]:
        """Return one example a subject, in order of first appearance, with all right objects.

        Rows of a subject with other choices are another example.
        """
        return self.of_rows(row for path in paths for row in read_rows(path, self.layout))

    def of_rows(self, rows: Iterable[Row]) -> tuple[Example, ...]:
        objects: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}  # each object once
        for row in rows:
            asked_of = self._subject(row), self.choices_of(row)
            objects.setdefault(asked_of, {})[self.target(row)] = None
        return tuple(
            Example(str(index), {SUBJECT: subject}, tuple(right), choices=choices)
            for index, ((subject, choices), right) in enumerate(objects.items())
        )

    @property
    def columns(self) -> frozenset[str]:
        """The columns that no row may lack, its object aside."""
        choices = [] if self.choices is None else [self.choices.name]
        return frozenset([self.subject, *choices])

    def inputs_of(self, row: Row) -> dict[str, str]:
        """Return what a template may read of the row, which needs no object."""
        return {SUBJECT: self._subject(row)}

    def choices_of(self, row: Row) -> tuple[str, ...]:
        """Return the choices of the row, () where the task has none; it needs no object."""
        return () if self.choices is None else self.choices.of_row(row)

    def target(self, row: Row) -> str:
        """Return the object of the row, which need not be among its choices."""
        if self.choices is None:
            return row.text(self.object).strip()
        return self.choices.target(row, self.object)

    def _subject(self, row: Row) -> str:
        return row.text(self.subject).strip()


def objects_of(*splits: Sequence[Example]) -> tuple[str, ...]:
    """Return the distinct right objects, in order of first appearance."""
    return tuple(
        dict.fromkeys(right for split in splits for example in split for right in example.targets)
    )
