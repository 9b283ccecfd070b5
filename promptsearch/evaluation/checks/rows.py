"""Findings about single rows: repeated, leaking, contradicting each other, empty."""

from collections.abc import Iterator, Sequence

from promptsearch.data import Example, Split, TaskDefinition
from promptsearch.evaluation.checks.finding import Finding, listed

_Inputs = tuple[tuple[str, str], ...]


def row_findings(
    definition: TaskDefinition, splits: Sequence[Split], fields: Sequence[str]
) -> Iterator[Finding]:
    """Yield rows that are equal in the inputs that a template reads, its `fields`.

    Rows go by the ids of their examples, from 0.
    """
    unread = [name for name in definition.inputs if name not in fields]
    compared = f" (compared: {', '.join(fields)})" if unread else ""
    yield from _repeats(splits, fields, compared)
    if definition.kind.single_label:
        yield from _conflicts(splits, fields, compared)


def _repeats(splits: Sequence[Split], fields: Sequence[str], compared: str) -> Iterator[Finding]:
    inputs = {
        split.name: [_inputs(example, fields) for example in split.examples] for split in splits
    }
    for name, rows in inputs.items():
        if repeated := len(rows) - len(set(rows)):
            message = f"{name}: {repeated} rows repeat the inputs of another row{compared}"
            yield Finding("warning", message)
    names = list(inputs)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if shared := len(set(inputs[first]) & set(inputs[second])):
                message = f"{first} and {second} share {shared} inputs: leakage{compared}"
                yield Finding("warning", message)


def _inputs(example: Example, fields: Sequence[str]) -> _Inputs:
    return tuple(sorted((name, text) for name, text in example.inputs.items() if name in fields))


def _conflicts(splits: Sequence[Split], fields: Sequence[str], compared: str) -> Iterator[Finding]:
    """Yield equal inputs with different labels, in one split or in two."""
    rows: dict[_Inputs, list[tuple[str, str]]] = {}
    for split in splits:
        for example in split.examples:
            rows_and_labels = rows.setdefault(_inputs(example, fields), [])
            rows_and_labels += [(f"{split.name} {example.id}", label) for label in example.targets]
    torn = [
        rows_and_labels
        for rows_and_labels in rows.values()
        if len({label for _, label in rows_and_labels}) > 1
    ]
    if torn:
        conflicts = [
            " and ".join(f"{row} ({label})" for row, label in rows_and_labels[:4])
            for rows_and_labels in torn
        ]
        yield Finding(
            "warning",
            f"{len(torn)} inputs have different labels in different rows: {listed(conflicts)}"
            f"{compared}; correct the labels or remove the rows",
        )


def empty_inputs(definition: TaskDefinition, splits: Sequence[Split]) -> Iterator[Finding]:
    """Yield inputs of the task without a text in a row."""
    for split in splits:
        for name in definition.inputs:
            empty = [e.id for e in split.examples if not e.inputs.get(name, "").strip()]
            if empty:
                yield Finding(
                    "warning",
                    f"{split.name}: {len(empty)} rows have no {name} (row {listed(empty)}): a "
                    f"template with {{{name}}} reads nothing there",
                )
