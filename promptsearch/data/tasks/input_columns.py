"""The columns of labelled rows: what a template may read of them, their label and choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.choices_column import ChoicesColumn
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.options_text import SEPARATOR_KEY, TEXTS_KEY, OptionsText
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError
from promptsearch.prompt.parts import OPTIONS

WITH_COLUMN = (
    'the tables have a column "options", which {options} stands for; take the key out, or give the '
    "column another name under [rename]"
)


@dataclass(frozen=True)
class InputColumns:
    """The keys of a task file that name columns."""

    inputs: tuple[str, ...]  # () for the columns of the tables
    label: str
    markup: Mapping[str, str]
    choices: ChoicesColumn | None = None
    options: OptionsText | None = None  # of {options}, where the task file says so

    @classmethod
    def of(cls, keys: TomlKeys) -> "InputColumns":
        """Return what the keys say. Raises TaskError at one that is wrong."""
        label, markup = keys.string("label", "label"), keys.names("markup")
        choices, options = ChoicesColumn.of(keys), OptionsText.named(keys)
        columns = cls(keys.strings("inputs"), label, markup, choices, options)
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
        options = self._options(source, fields, inputs, labels)
        if options is not None:
            inputs = (*inputs, OPTIONS)
        if seen := [name for name in self.label_columns if name in inputs]:
            raise TaskError(
                f"{source.file}: inputs: {seen[0]!r} is the label; a template must not see it"
            )
        if unknown := [name for name in fields if name not in inputs]:
            raise source.unknown_field(unknown[0], inputs)
        needed = frozenset(self.inputs or fields)
        columns = replace(self, options=options)
        return columns.row_reader(source.layout, inputs, labels, needed)

    def _options(
        self,
        source: TaskSource,
        fields: Sequence[str],
        inputs: Sequence[str],
        labels: Sequence[str],
    ) -> OptionsText | None:
        """Return the text of {options} for a task that uses it, or says what it is.

        None where the tables have such a column, unless it is that of the choices.
        """
        if self.options is None and OPTIONS not in fields:
            return None
        keys = TomlKeys(source.document, source.file)
        if OPTIONS in inputs or self._has_column(source, OPTIONS):
            if self.options is not None:
                raise keys.error(SEPARATOR_KEY, WITH_COLUMN)
            return None
        options = (self.options or OptionsText.of(keys)).with_answers(keys)
        if options.texts and (unlike := sorted(set(options.texts) ^ set(labels))) and labels:
            raise keys.error(TEXTS_KEY, f"it must have the task's labels; mend {unlike[0]!r}")
        if options.texts or self.choices is not None:
            return options
        if self.options is not None:
            raise keys.error(SEPARATOR_KEY, "there is nothing to join; give the labels [answers]")
        return None

    def _has_column(self, source: TaskSource, name: str) -> bool:
        """Return whether the first row of train has a column of the name that is no choices'."""
        if self.choices is not None and self.choices.name == name:
            return False
        rows = read_rows(source.train[0], self._format(source.layout))
        first = next(iter(rows), None)
        return first is not None and name in first.cells

    def row_reader(
        self,
        layout: TableFormat,
        inputs: tuple[str, ...],
        labels: tuple[str, ...],
        needed: frozenset[str],
    ) -> LabelledReader:
        """Return the reader of rows that have these inputs, and of `needed` ones all."""
        columns = labels, inputs, needed, Markup(self.markup), self.choices, self.options
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
