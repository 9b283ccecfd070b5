"""The column of a table that lists the choices of each row: a list, or a text with separators."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptsearch.data.tables.rows import Row, TableFormat
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import did_you_mean

CHOICES, SEPARATOR_KEY = "choices", "choices_separator"
CHOICES_KEYS = (CHOICES, SEPARATOR_KEY)
SEPARATOR = "|"


@dataclass(frozen=True)
class ChoicesColumn:
    """The column, and what stands between the choices where a cell is one text."""

    name: str
    separator: str = SEPARATOR

    @classmethod
    def of(cls, keys: TomlKeys) -> "ChoicesColumn | None":
        """Return the column of a task file; None if it has none. Raises TaskError at a key."""
        name, separator = keys.optional(CHOICES), keys.string(SEPARATOR_KEY, SEPARATOR)
        if not separator:
            raise keys.error(SEPARATOR_KEY, 'it is empty; write what stands between choices, "|"')
        if name is not None:
            return cls(name, separator)
        if SEPARATOR_KEY in keys.document:
            message = 'there are no choices to separate; name their column, choices = "..."'
            raise keys.error(SEPARATOR_KEY, message)
        return None

    def layout(self, layout: TableFormat) -> TableFormat:
        """Return the format of a table in which the column's lists are no tokens of a text."""
        return replace(layout, lists=frozenset([self.name]))

    def listed(self, row: Row) -> list[str]:
        """Return the choices as the row has them, stripped; DataError if one is no text."""
        value = row.cell(self.name)
        items = value if isinstance(value, list | tuple) else self._split(row)
        choices = [_text(item) for item in items]
        if not choices:
            raise row.error(f"the column {self.name!r} has no choice; list one or more")
        for number, choice in enumerate(choices):
            if not choice:
                raise row.error(
                    f"the column {self.name!r} holds {items[number]!r:.40} as choice {number}, "
                    "which is no text; write one, or take it out"
                )
        return choices

    def of_row(self, row: Row, labels: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the choices of a row, each once; of a task with labels they are some of these."""
        choices = tuple(dict.fromkeys(self.listed(row)))
        if labels and (unknown := [choice for choice in choices if choice not in labels]):
            raise row.error(
                f"the choice {unknown[0]!r} has no answers{did_you_mean(unknown[0], labels)}; "
                "correct the row or add the label under [answers]"
            )
        return choices

    def target(self, row: Row, column: str) -> str:
        """Return the right answer: a text of the column, or the choice whose index it is."""
        value, text = row.cell(column), row.text(column).strip()
        is_number = isinstance(value, int) and not isinstance(value, bool)
        choices = self.listed(row)
        if not is_number and (not text.isdecimal() or text in choices):
            return text
        if not 0 <= int(text) < len(choices):
            raise row.error(
                f"the column {column!r} is {text}, but the row has {len(choices)} choices, which "
                "count from 0; correct it, or write the choice's text"
            )
        return choices[int(text)]

    def _split(self, row: Row) -> list[str]:
        return row.text(self.name).split(self.separator)


def _text(item: object) -> str:
    """Return an item of a list as a choice; "" for what is no text or number."""
    if isinstance(item, bool):
        return str(item).lower()
    return str(item).strip() if isinstance(item, str | int | float) else ""
