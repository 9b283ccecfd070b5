"""Rows that have any number of labels, or none: in a list, in a text, or in a column a label."""

from dataclasses import dataclass

from promptsearch.data.tables.rows import Row
from promptsearch.data.tasks.labelled_reader import LabelledReader

SEPARATOR = ","
YES, NO = frozenset({"1", "true", "1.0"}), frozenset({"0", "false", "0.0"})


@dataclass(frozen=True)
class LabelSetReader(LabelledReader):
    """Reads any split of one task the same way; with `label_columns`, each holds one label."""

    separator: str = SEPARATOR  # of labels in a text
    label_columns: tuple[str, ...] = ()

    def target(self, row: Row) -> tuple[str, ...]:
        """Return the labels of the row, in the task's order."""
        columns = [name for name in self.label_columns if self._is_set(row, name)]
        names = columns if self.label_columns else self._listed(row)
        if unknown := [name for name in names if name not in self.labels]:
            raise self.unknown_label(row, unknown[0])
        return tuple(label for label in self.labels if label in names)

    def _listed(self, row: Row) -> list[str]:
        """Return the labels of a list, or of a text; of an empty one none."""
        value = row.cell(self.label)
        if isinstance(value, list | tuple):
            if wrong := [each for each in value if not isinstance(each, str | int)]:
                raise row.error(f"the column {self.label!r} holds {wrong[0]!r:.40}, no label")
            return [str(each).strip() for each in value]
        text = row.peek(self.label)
        if text is None:
            message = "write a list of labels, [] for none"
            raise row.error(f"the column {self.label!r} is {value!r:.40}; {message}")
        return [part.strip() for part in text.split(self.separator)] if text.strip() else []

    def _is_set(self, row: Row, column: str) -> bool:
        value = row.cell(column)
        text = (row.peek(column) or "").strip().lower()
        if text not in YES | NO:
            message = "1 or true where the row has the label, else 0 or false"
            raise row.error(f"the column {column!r} is {value!r:.40}; write {message}")
        return text in YES
