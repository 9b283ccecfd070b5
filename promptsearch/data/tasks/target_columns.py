"""The columns of a row's references: the texts that are right answers to it."""

from dataclasses import dataclass, replace

from promptsearch.data.tables.rows import Row, TableFormat
from promptsearch.data.tasks.input_columns import InputColumns
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.toml_keys import TomlKeys

TARGET = "target"


@dataclass(frozen=True)
class TargetReader(LabelledReader):
    """Reads any split of one task the same way; a row has a reference in each of its columns."""

    targets: tuple[str, ...] = (TARGET,)

    def target(self, row: Row) -> tuple[str, ...]:
        """Return the references of the row, each once. Raises DataError if there is none."""
        references: dict[str, None] = {}
        for column in self.targets:
            references.update(dict.fromkeys(self._listed(row, column)))
        if not references:
            names = " and ".join(map(repr, self.targets))
            raise row.error(f"the row has no reference in {names}; write a text, or take it out")
        return tuple(references)

    def _listed(self, row: Row, column: str) -> list[str]:
        """Return the texts of a cell, a list or one; none of an empty cell."""
        value = row.cell(column)
        if not isinstance(value, list | tuple):
            text = row.peek(column)
            return [text.strip()] if text is not None and text.strip() else []
        if wrong := [each for each in value if not isinstance(each, str) or not each.strip()]:
            raise row.error(
                f"the column {column!r} holds {wrong[0]!r:.40} as a reference, which is no text; "
                "write one, or take it out"
            )
        return [each.strip() for each in value]


@dataclass(frozen=True)
class TargetColumns(InputColumns):
    """The keys of a task file that name columns: of inputs, and of references."""

    targets: tuple[str, ...] = (TARGET,)

    @classmethod
    def of(cls, keys: TomlKeys) -> "TargetColumns":
        """Return what the keys say. Raises TaskError at one that is wrong."""
        targets = keys.strings(TARGET) or (TARGET,)
        return cls(keys.strings("inputs"), targets[0], keys.names("markup"), None, None, targets)

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of the references, which no template may see."""
        return self.targets

    def _special(self, reader: LabelledReader) -> TargetReader:
        return TargetReader(**vars(reader), targets=self.targets)

    def _format(self, layout: TableFormat) -> TableFormat:
        return replace(layout, lists=layout.lists | frozenset(self.targets))
