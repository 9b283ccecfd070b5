"""Rows that lie in memory, and a task made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from promptsearch.data import Example
from promptsearch.data.tables.rows import Row, renamed
from promptsearch.data.tasks.definition import Split, TaskDefinition, TaskSchema
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.data.tasks.reader import Reader
from promptsearch.errors import DataError
from promptsearch.files.read import ENCODING
from promptsearch.prompt import Prompt

OnError = Literal["raise", "skip"]  # about a row that cannot be asked
WHERE = Path("X")  # as errors name it


@runtime_checkable
class DataFrame(Protocol):
    """A data frame, such as pandas' or polars'."""

    @property
    def columns(self) -> Iterable[str]: ...

    def __getitem__(self, column: str, /) -> Iterable[object]: ...


def examples_of(rows: object, reader: Reader) -> list[Example]:
    """Return what is asked of texts, of mappings from column to value, or of a data frame.

    `DataError` names the row ("line") and the value that cannot be asked.
    """
    return [example for example in askable_examples_of(rows, reader) if example is not None]


def askable_examples_of(
    rows: object, reader: Reader, on_error: OnError = "raise"
) -> list[Example | None]:
    """Return what is asked of each row, as `examples_of` does; None for a row that is skipped."""
    examples: list[Example | None] = []
    for index, row in enumerate(_listed(rows)):
        try:
            cells = _row(row, index + 1, reader)
            inputs, choices = reader.inputs_of(cells), reader.choices_of(cells)
        except DataError:
            if on_error == "raise":
                raise
            examples.append(None)
        else:
            examples.append(Example(str(index), inputs, (), choices=choices))
    return examples


def _listed(rows: object) -> Iterable[Any]:
    if isinstance(rows, DataFrame):
        names = list(rows.columns)
        columns = zip(*(rows[name] for name in names), strict=True)
        return (dict(zip(names, row, strict=True)) for row in columns)
    if isinstance(rows, str | Mapping) or not isinstance(rows, Iterable):
        kind = type(rows).__name__
        raise DataError(f"{WHERE} must be a list of texts or dicts, or a data frame, not a {kind}")
    return rows


def _row(row: object, number: int, reader: Reader) -> Row:
    if isinstance(row, str):
        return Row(WHERE, number, {_only_column(reader): row})
    if not isinstance(row, Mapping):
        message = f'a row must be a text or {{"column": text}}, not a {type(row).__name__}'
        raise DataError.at(WHERE, number, message)
    cells = {name: None if _is_missing(value) else value for name, value in row.items()}
    return renamed(Row(WHERE, number, cells), reader.layout)


def _only_column(reader: Reader) -> str:
    columns = sorted(reader.columns)
    if len(columns) != 1:
        readable = ", ".join(columns) or "none of their own, but marked words"
        raise DataError(f"{WHERE} holds texts, but the prompts read {readable}; give dicts")
    return columns[0]


def _is_missing(value: object) -> bool:
    """NaN, pandas' NA, and what else does not equal itself."""
    try:
        return not bool(value == value)
    except (TypeError, ValueError):
        return True


def task_in_memory(
    frame: TaskSchema, prompt: Prompt, examples: Sequence[Example]
) -> TaskDefinition:
    """Return a task whose dev examples are a part of these, as of a task file without dev.

    Raises DataError if there are too few.
    """
    if len(examples) < 2:
        raise DataError(f"{len(examples)} example leaves none to decide on; give more")
    train, dev = with_dev(examples, prompt.template.fields)
    inputs = [name for name in frame.inputs if all(name in e.inputs for e in examples)]
    return TaskDefinition(
        name=frame.name,
        kind=frame.kind,
        labels=frame.labels,
        inputs=tuple(inputs),
        prompt=prompt,
        train=Split("train", (), "", train),
        dev=Split("dev", (), "", dev),
        dev_from_train=True,
        language=frame.language,
        negative_label=None,
        corpus=(),
        corpus_column=None,
        encoding=ENCODING,
        chat=frame.chat,
        file=WHERE.absolute(),
        document={},
        reader=frame.reader,
    )


def labelled(examples: Sequence[Example], labels: Sequence[str | tuple[str, ...]]) -> list[Example]:
    """Return the examples with their labels, or sets of labels."""
    return [replace(e, target=label) for e, label in zip(examples, labels, strict=True)]
