"""Labelled text: the rows of a classification task as examples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data import Example
from promptsearch.data.tables.rows import Row, TableFormat, read_rows
from promptsearch.data.tasks.choices_column import ChoicesColumn
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.options_text import OptionsText
from promptsearch.errors import DataError, did_you_mean
from promptsearch.prompt.parts import OPTIONS

_SHOWN = 30  # of the labels in an error; BANKING77 has 77


@dataclass(frozen=True)
class LabelledReader:
    """Reads any split of one task the same way."""

    layout: TableFormat
    label: str
    labels: tuple[str, ...]  # () where each row's choices are its labels
    inputs: tuple[str, ...]  # what an example holds where the row has it
    needed: frozenset[str]  # inputs that no row may lack
    markup: Markup
    choices: ChoicesColumn | None = None
    options: OptionsText | None = None  # of {options}; None: an input of that name is a column

    def examples(self, paths: Sequence[Path]) -> tuple[Example, ...]:
        """Return the examples of the files together; `DataError` names file and line."""
        rows = (row for path in paths for row in read_rows(path, self.layout))
        return self.of_rows(rows)

    def of_rows(self, rows: Iterator[Row]) -> tuple[Example, ...]:
        return tuple(
            Example(str(i), self.inputs_of(row), self.target(row), choices=self.choices_of(row))
            for i, row in enumerate(rows)
        )

    @property
    def columns(self) -> frozenset[str]:
        """The columns that no row may lack, its label aside."""
        choices = [] if self.choices is None else [self.choices.name]
        return self.needed.difference(self._computed).union(choices)

    @property
    def _computed(self) -> frozenset[str]:
        """The inputs that are no columns."""
        options = [] if self.options is None else [OPTIONS]
        return frozenset([*self.markup.fields.values(), *options])

    @property
    def fixed_inputs(self) -> dict[str, str]:
        """The inputs that are no example's, with the texts of all labels."""
        return {} if self.options is None else {OPTIONS: self.options.of_choices()}

    def inputs_of(self, row: Row) -> dict[str, str]:
        """Return the inputs of the row for a template; its label, if any, is not looked at."""
        columns = [name for name in self.inputs if name not in self._computed]
        others = [name for name in row.cells if name not in (*columns, self.label)]
        marked = self.markup.marked_words(row, [*columns, *others])
        texts = {name: self._text(row, name) for name in columns}
        filled: dict[str, str | None] = {**texts, **marked}
        if self.options is not None:
            filled[OPTIONS] = self.options.of_choices(self.choices_of(row))
        return {name: text for name in self.inputs if (text := filled[name]) is not None}

    def choices_of(self, row: Row) -> tuple[str, ...]:
        """Return the choices of the row, () where the task has none; its label is not looked at."""
        return () if self.choices is None else self.choices.of_row(row, self.labels)

    def target(self, row: Row) -> str | tuple[str, ...]:
        """Return the label of the row, which need not be among its choices."""
        if self.choices is None:
            label = row.text(self.label).strip()
        else:
            label = self.choices.target(row, self.label)
        if label in self.labels or not self.labels:
            return label
        raise self.unknown_label(row, label)

    def unknown_label(self, row: Row, label: str) -> DataError:
        """Return the error about a label of a row that is none of the task's."""
        known = ", ".join(self.labels[:_SHOWN]) + (", ..." if len(self.labels) > _SHOWN else "")
        return row.error(
            f"the label {label!r} has no answers{did_you_mean(label, self.labels)}; the task has "
            f"answers for {known}: correct the row or add the label under [answers] or [options]"
        )

    def _text(self, row: Row, name: str) -> str | None:
        text = row.text(name) if name in self.needed else row.peek(name)
        return text if text is None else self.markup.plain(text)
