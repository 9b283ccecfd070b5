"""Predictions for pCLUE's rows: beside their targets, as `predict` writes them, or in a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from promptsearch.data.tables.json_rows import json_values
from promptsearch.errors import DataError, brief
from promptsearch.files.read import ENCODING, check_file
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.pclue.rows import TARGET, target_of, type_of
from promptsearch.metrics.pclue_score import WITH_CHOICES, Target

CHOSEN, WRITTEN = "answer", "prediction"  # columns of `predict`: of a choice, of a text


@dataclass(frozen=True)
class PredictedRow:
    """A row's right answer, its type, and what was predicted for it."""

    target: Target
    type: str
    text: str


def predicted_rows(paths: Sequence[Path], predictions: Path | None = None) -> list[PredictedRow]:
    """Return the rows of the files, each with its own prediction, or that of `predictions`.

    That file has a line {"target": ...} for each row of the others, in their order, as the
    benchmark's script reads it. Raises DataError at what is missing.
    """
    rows = (each for path in paths for each in _rows(path))
    if predictions is None:
        return [_predicted(location, row, _written(location, row)) for location, row in rows]
    pairs = []
    for row, line in zip_longest(rows, _rows(predictions)):
        if line is None:
            raise _unpaired(row[0], "prediction")
        if row is None:
            raise _unpaired(line[0], "row")
        location, cells = row
        pairs.append(_predicted(location, cells, _text(line[0], line[1], TARGET)))
    return pairs


def _unpaired(location: Location, missing: str) -> DataError:
    return location.error(f"there is no {missing} for this line; give one of each, in one order")


def _rows(path: Path) -> Iterator[tuple[Location, Mapping[str, object]]]:
    check_file(path)
    for line, row in json_values(path, ENCODING):
        location = Location(path, line)
        if not isinstance(row, Mapping):
            raise location.error(f'{brief(repr(row))} is no row; write {{"target": ...}}')
        yield location, row


def _predicted(location: Location, row: Mapping[str, object], text: str) -> PredictedRow:
    return PredictedRow(target_of(location, row), type_of(location, row), text)


def _written(location: Location, row: Mapping[str, object]) -> str:
    name = CHOSEN if type_of(location, row) in WITH_CHOICES else WRITTEN
    if name not in row:
        raise location.error(
            f"the row has no {name!r}, which `promptsearch predict` writes for its type; name the "
            "file of the predictions with `predictions`"
        )
    return _text(location, row, name)


def _text(location: Location, row: Mapping[str, object], name: str) -> str:
    if not isinstance(text := row.get(name), str):
        raise location.error(f'"{name}" is {brief(repr(text))}; write the predicted text')
    return text
