"""The columns of labelled rows: what a template may read of them, their label and choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.choices_column import ChoicesColumn
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError


@dataclass(frozen=True)
class InputColumns:
    """The keys of a task file that name columns."""

    inputs: tuple[str, ...]  # () for the columns of the tables
    label: str
    markup: Mapping[str, str]
    choices: ChoicesColumn | None = None

    @classmethod
    def of(cls, keys: TomlKeys) -> "InputColumns":
        """Return what the keys say. Raises TaskError at one that is wrong."""
        label, markup = keys.string("label", "label"), keys.names("markup")
        columns = cls(keys.strings("inputs"), label, markup, ChoicesColumn.of(keys))
        if columns.choices is not None and columns.choices.name == label:
            raise keys.error("choices", f"{label!r} is the label; name the column of the choices")
        return columns

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of the labels, which no template may see."""
        return (self.label,)

    def reader(
        self, source: TaskSource, fields: Sequence[str], labels: tuple[str, ...]
    ) -> LabelledReader:
        """Return the reader of every split; `fields` are those of the manual template."""
        inputs = self.names(source, fields)
        if seen := [name for name in self.label_columns if name in inputs]:
            raise TaskError(
                f"{source.file}: inputs: {seen[0]!r} is the label; a template must not see it"
            )
        if unknown := [name for name in fields if name not in inputs]:
            raise source.unknown_field(unknown[0], inputs)
        needed = frozenset(self.inputs or fields)
        return self.row_reader(source.layout, inputs, labels, needed)

    def row_reader(
        self,
        layout: TableFormat,
        inputs: tuple[str, ...],
        labels: tuple[str, ...],
        needed: frozenset[str],
    ) -> LabelledReader:
        """Return the reader of rows that have these inputs, and of `needed` ones all."""
        columns = labels, inputs, needed, Markup(self.markup), self.choices
        return self._special(LabelledReader(self._format(layout), self.label, *columns))

    def _special(self, reader: LabelledReader) -> LabelledReader:
        """Return the reader with what its kind of task adds to it."""
        return reader

    def names(self, source: TaskSource, fields: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the inputs: as named, else every other column that is text in all rows.

        Those are of train and dev, so that any template can use them. A field of the manual
        template counts even so: its first bad row is then blamed by name.
        """
        if self.inputs:
            return self.inputs
        seen: dict[str, int] = {}
        rows = 0
        for path in source.train + source.dev:
            for row in read_rows(path, self._format(source.layout)):
                rows += 1
                for name in row.cells:
                    seen[name] = seen.get(name, 0) + (row.peek(name) is not None)
        columns = [name for name, full in seen.items() if full == rows or name in fields]
        unread = [*self.label_columns, *([] if self.choices is None else [self.choices.name])]
        names = [name for name in (*columns, *self.markup.values()) if name not in unread]
        return tuple(dict.fromkeys(names))

    def _format(self, layout: TableFormat) -> TableFormat:
        return layout if self.choices is None else self.choices.layout(layout)
