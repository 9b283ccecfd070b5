"""The column of a row's value, a number inside the task's range."""

from dataclasses import dataclass
from math import isfinite

from promptsearch.data.tables.rows import Row
from promptsearch.data.tasks.input_columns import InputColumns
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OptionsText
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import brief

RANGE = "range"


@dataclass(frozen=True)
class ValueRange:
    """The lowest and the highest value."""

    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, keys: TomlKeys) -> "ValueRange":
        """Return what the keys say. Raises TaskError if it is no range."""
        value = keys.document.get(RANGE)
        if value is None:
            raise keys.error(RANGE, "it is missing; write the lowest and the highest value, [0, 5]")
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 2 or not all(map(_is_number, numbers)) or numbers[0] >= numbers[1]:
            raise keys.error(RANGE, f"it must be [LOW, HIGH], not {brief(repr(value))}")
        return cls(float(numbers[0]), float(numbers[1]))

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high

    def share(self, value: float) -> float:
        """Return where a value lies, in [0, 1]."""
        return (value - self.low) / (self.high - self.low)

    def value(self, share: float) -> float:
        """Return the value that lies there."""
        return self.low + (self.high - self.low) * share

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


@dataclass(frozen=True)
class ValueReader(LabelledReader):
    """Reads any split of one task the same way."""

    range: ValueRange = ValueRange()

    def target(self, row: Row) -> str:
        """Return where the row's value lies in the range, as a text."""
        text = row.text(self.label).strip()
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise row.error(f"the column {self.label!r} is {text!r:.40}; write a number")
        if not self.range.low <= value <= self.range.high:
            raise row.error(
                f"the column {self.label!r} is {value:g}, outside the range {self.range}; correct "
                f"the row or {RANGE}"
            )
        return repr(self.range.share(value))


@dataclass(frozen=True)
class ValueColumns(InputColumns):
    """The keys of a task file that name columns: of inputs, and of the value."""

    range: ValueRange = ValueRange()

    @classmethod
    def of(cls, keys: TomlKeys) -> "ValueColumns":
        """Return what the keys say. Raises TaskError at one that is wrong."""
        label, markup = keys.string("label", "label"), keys.names("markup")
        options, span = OptionsText.named(keys), ValueRange.of(keys)
        return cls(keys.strings("inputs"), label, markup, None, options, span)

    def _special(self, reader: LabelledReader) -> ValueReader:
        return ValueReader(**vars(reader), range=self.range)
