"""The rows of pCLUE's JSON lines, checked: a filled prompt, its answer, its type, its choices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data.tables.json_rows import json_values
from promptsearch.errors import brief
from promptsearch.files.read import ENCODING, check_file
from promptsearch.formats.importing.contents import Location, well_formed
from promptsearch.metrics.pclue_score import TYPES, WITH_CHOICES, Target, joined_target

INPUT, TARGET, TYPE, CHOICES = "input", "target", "type", "answer_choices"
REFERENCE = "reference"  # the column that imported rows have more: the answer as one text
COLUMNS = (INPUT, TARGET, TYPE, CHOICES, REFERENCE)


@dataclass(frozen=True)
class PclueRow:
    """A row; `cells` are as the file has them."""

    location: Location
    cells: Mapping[str, object]
    input: str
    reference: str  # of several texts these joined: they are one answer
    type: str
    choices: tuple[str, ...]  # as listed, repeated ones too; () where the type has none

    @property
    def distinct_choices(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.choices))

    @property
    def is_answerable(self) -> bool:
        """False where the answer is none of the choices: such a row counts as wrong."""
        return not self.choices or self.reference in self.choices


def read_rows(paths: Sequence[Path]) -> Iterator[PclueRow]:
    """Yield the rows of the files. Raises DataError at one that is not in the format."""
    for path in paths:
        check_file(path)
        count = 0
        for line, row in json_values(path, ENCODING):
            count += 1
            yield _row(Location(path, line), row)
        if not count:
            raise Location(path).error("the file is empty; fetch it again")


def _row(location: Location, row: object) -> PclueRow:
    well_formed(location, row)
    if not isinstance(row, Mapping):
        raise location.error(
            f'{brief(repr(row))} is no row; write {{"input": ..., "target": ..., "type": ...}}'
        )
    text = row.get(INPUT)
    if not isinstance(text, str) or not text.strip():
        raise location.error(f'"input" is {brief(repr(text))}; write the prompt as a text')
    kind, reference = type_of(location, row), joined_target(target_of(location, row)).strip()
    choices = _choices(location, row.get(CHOICES), kind) if kind in WITH_CHOICES else ()
    if choices and reference not in choices and reference.isdecimal():
        raise location.error(
            f'"target" is {brief(repr(reference))}, a number that is no choice, and a task would '
            "take it for a choice's index; write the choice's text, or take the row out"
        )
    return PclueRow(location, row, text, reference, kind, choices)


def type_of(location: Location, row: Mapping[str, object]) -> str:
    """Return the type of a row. Raises DataError if it is none."""
    kind = row.get(TYPE)
    if not isinstance(kind, str) or kind not in TYPES:
        raise location.error(f'"type" is {brief(repr(kind))}; write one of {", ".join(TYPES)}')
    return kind


def target_of(location: Location, row: Mapping[str, object]) -> Target:
    """Return the right answer of a row, a text or several. Raises DataError if it is none."""
    target = row.get(TARGET)
    texts = [target] if isinstance(target, str) else target
    if not isinstance(texts, list) or not texts:
        raise location.error(f'"target" is {brief(repr(target))}; write a text, or a list of texts')
    if wrong := [each for each in texts if not isinstance(each, str) or not each.strip()]:
        raise location.error(f'"target" holds {brief(repr(wrong[0]))}, which is no text; write one')
    return target if isinstance(target, str) else tuple(texts)


def _choices(location: Location, value: object, kind: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise location.error(
            f'"answer_choices" is {brief(repr(value))}, and a row of type {kind} chooses among '
            "some; write a list of texts"
        )
    if wrong := [each for each in value if not isinstance(each, str) or not each.strip()]:
        raise location.error(
            f'"answer_choices" holds {brief(repr(wrong[0]))}, which is no text; write one, or take '
            "it out"
        )
    return tuple(choice.strip() for choice in value)
