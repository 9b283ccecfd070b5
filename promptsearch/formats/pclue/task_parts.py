"""The parts that pCLUE's rows fall into: a task for each type, and for each template of a type."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from promptsearch.errors import listed
from promptsearch.formats.pclue.filled_template import FilledTemplate
from promptsearch.formats.pclue.rows import INPUT, REFERENCE, PclueRow
from promptsearch.metrics.pclue_score import TYPES, WITH_CHOICES
from promptsearch.prompt.template import Template

OPTIONS = "options"
SHOWN = 3  # of the rows that a warning names
SMALLEST = 2  # rows, one of them for dev
WHOLE = Template.parse(f"{{{INPUT}}}[Z]")


@dataclass
class TaskPart:
    """Rows of one type that one template fits, or none of those that the user gave."""

    type: str
    number: int | None  # of the template, from 1; None: the rows are as they came
    template: Template
    rows: list[PclueRow] = field(default_factory=list)
    fields: list[Mapping[str, str]] = field(default_factory=list)  # of each row

    @property
    def name(self) -> str:
        return self.type if self.number is None else f"{self.type}-template{self.number}"

    @property
    def has_choices(self) -> bool:
        return self.type in WITH_CHOICES

    @property
    def option_separator(self) -> str | None:
        """What joins the choices in the field {options}; None where the field is not just that.

        So a task can write the same text, and needs no such column.
        """
        if not self.has_choices or OPTIONS not in self.template.fields:
            return None
        pairs = list(zip(self.rows, self.fields, strict=True))
        separators = {_separator(row.distinct_choices, each[OPTIONS]) for row, each in pairs}
        separators.discard("")  # of rows with one choice, which any separator fits
        return separators.pop() if len(separators) == 1 else None

    def cells(self) -> Iterator[dict[str, object]]:
        """Yield the rows as a table has them: as they came, their fields, and one reference."""
        left_out = {OPTIONS} if self.option_separator is not None else set()
        for row, fields in zip(self.rows, self.fields, strict=True):
            columns = {name: text for name, text in fields.items() if name not in left_out}
            yield {**row.cells, **columns, REFERENCE: row.reference}

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the scores must know."""
        total = len(self.rows)
        outside = [row for row in self.rows if not row.is_answerable]
        repeated = [row for row in self.rows if len(row.distinct_choices) < len(row.choices)]
        notes = []
        if outside:
            notes.append(
                f"{self.name}: {len(outside)} of {total} targets are none of their rows' choices "
                f"and will count as wrong: {_shown(outside, [row.reference for row in outside])}"
            )
        if repeated:
            notes.append(
                f"{self.name}: {len(repeated)} of {total} rows list a choice more than once, which "
                f"counts once: {_shown(repeated, [_repeated(row) for row in repeated])}"
            )
        if total < SMALLEST:
            notes.append(f"{self.name}: has one row, too few for train and dev; import more rows")
        elif len(outside) == total:
            notes.append(
                f"{self.name}: no target is among its choices, so that the task cannot be scored"
            )
        return notes


def task_parts(rows: Iterator[PclueRow], patterns: Sequence[FilledTemplate]) -> list[TaskPart]:
    """Return the parts that have rows, by type; the first template that fits a row is its own."""
    parts: dict[tuple[str, int], TaskPart] = {}
    for row in rows:
        number, fields = _fit(row.input, patterns)
        if (row.type, number) not in parts:
            template = patterns[number - 1].template if number else WHOLE
            parts[row.type, number] = TaskPart(row.type, number or None, template)
        part = parts[row.type, number]
        part.rows.append(row)
        part.fields.append(fields)
        _check_columns(row, fields)
    order = {key: (TYPES.index(key[0]), key[1]) for key in parts}
    return [parts[key] for key in sorted(parts, key=lambda key: order[key])]


def _check_columns(row: PclueRow, fields: Mapping[str, str]) -> None:
    """Raise DataError if a row has a column of its own where the import writes one."""
    for name in (*fields, REFERENCE):
        if name != INPUT and name in row.cells:
            raise row.location.error(
                f"the row has a column {name!r}, and the import writes one; rename the row's, or "
                "take it out"
            )


def _fit(text: str, patterns: Sequence[FilledTemplate]) -> tuple[int, Mapping[str, str]]:
    """Return the number of the first template that fits, and its fields; 0 if none does."""
    for number, pattern in enumerate(patterns, 1):
        if (fields := pattern.fields_of(text)) is not None:
            return number, fields
    return 0, {}


def _separator(choices: Sequence[str], text: str) -> str | None:
    """Return what stands between the choices in a text; None if it is not all of them so joined."""
    if len(choices) == 1:
        return "" if text == choices[0] else None
    between = text.removeprefix(choices[0])
    separator = between[: between.find(choices[1])]
    return separator if separator and separator.join(choices) == text else None


def _repeated(row: PclueRow) -> str:
    return next(each for each in row.choices if row.choices.count(each) > 1)


def _shown(rows: Sequence[PclueRow], texts: Sequence[str]) -> str:
    """Return the first texts with the files and lines that they stand in."""
    located = [
        f"{text} ({row.location.path.name}, line {row.location.line})"
        for row, text in zip(rows, texts, strict=True)
    ]
    return listed(located, SHOWN)
