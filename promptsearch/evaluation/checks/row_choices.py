"""Findings about the choices of rows: right answers that are none of them, repeated ones."""

from collections.abc import Iterator, Sequence

from promptsearch.data import Row, Split, TaskDefinition, read_rows
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.evaluation.checks.finding import Finding
from promptsearch.evaluation.report.number_format import count
from promptsearch.files.read import expand


def choice_findings(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield how many choices rows have, and those that are repeated, missing or alone."""
    yield from unanswerable_rows(definition, splits)
    for split in splits:
        counts = [len(example.choices) for example in split.examples]
        few, most = min(counts), max(counts)
        yield Finding("note", f"{split.name}: {few if few == most else f'{few}-{most}'} choices")
        if single := counts.count(1):
            message = f"{split.name}: {count(single, 'row')} with one choice, which is the answer"
            yield Finding("warning", message)
    for name in dict.fromkeys(name for split in splits for name in split.files):
        yield from _repeated(definition, name)


def unanswerable_rows(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield a warning for each split with rows whose right answer is none of their choices."""
    for split in splits:
        if rows := sum(not example.is_answerable for example in split.examples):
            yield Finding(
                "warning",
                f"{split.name}: no right answer is among the choices of {count(rows, 'row')}, "
                f"{_first(definition, split)}, which counts as wrong; correct the label or the "
                "choices",
            )


def _first(definition: TaskDefinition, split: Split) -> str:
    """Return the file, the line and the value of the first row without its right answer."""
    reader = definition.reader
    lost = [e for e in split.examples if not e.is_answerable]
    keys = {(e.choices, target) for e in lost for target in e.targets}
    if not isinstance(reader, TagsReader):
        for name in split.files:
            for row in _rows(definition, name):
                target = reader.target(row)
                if (reader.choices_of(row), target) in keys:
                    return f"the first in {row.path}, line {row.line} ({target!r})"
    return f"such as {lost[0].targets[0]!r}"


def _repeated(definition: TaskDefinition, name: str) -> Iterator[Finding]:
    """Yield a warning about the rows of a file that list a choice twice."""
    reader, rows = definition.reader, []
    assert reader.choices is not None, "rows have choices"
    for row in _rows(definition, name):
        listed = reader.choices.listed(row)
        if twice := [choice for choice in listed if listed.count(choice) > 1]:
            rows.append((row.line, twice[0]))
    if rows:
        line, choice = rows[0]
        yield Finding(
            "warning",
            f"{name}: {count(len(rows), 'row')} with a choice that is listed twice, the first in "
            f"line {line} ({choice!r}): it counts once",
        )


def _rows(definition: TaskDefinition, name: str) -> Iterator[Row]:
    for path in expand([name], definition.file.parent):
        yield from read_rows(path, definition.reader.layout)
