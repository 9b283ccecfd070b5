"""The label column of a table, and whether the table has a header."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from promptsearch.data.tables.rows import Row
from promptsearch.errors import DataError, did_you_mean, listed
from promptsearch.files.read import kind_of

_FEW = 20  # labels; more, with hardly a row each, are no labels


def one_a_row(labels: int, rows: int) -> bool:
    """Return whether so many labels are as good as one a row: ids, or facts."""
    return labels > _FEW and 2 * labels > rows


def labels_of(data: Path, label: str, rows: Sequence[Row], *, named: bool) -> Counter[str]:
    """The labels and their rows; `named`: the columns' names were given, so there is no header.

    `DataError` where the column is not there, or holds something else.
    """
    if not named and kind_of(data) in (".csv", ".tsv"):
        _refuse_headless(data, label, rows)
    counts = Counter(row.text(label).strip() for row in rows)
    _refuse_no_labels(data, label, counts, rows)
    return counts


def _refuse_headless(data: Path, label: str, rows: Sequence[Row]) -> None:
    """Raise DataError if the first row, read as the header, is a row of data."""
    hidden = list(_own_names(rows))
    if label in hidden:
        raise DataError.at(
            data,
            None,
            f"its first row is no header: the column {label!r} also holds {label!r}; "
            f"{_columns_hint(label, 'label', rows)}",
        )
    names = list(rows[0].cells)
    if label not in names and hidden:
        raise DataError.at(
            data,
            None,
            f"there is no column {label!r}{did_you_mean(label, names)}; where the first row "
            f"({', '.join(names):.60}) is no header, {_columns_hint(hidden[0], label, rows)}",
        )


def _own_names(rows: Sequence[Row]) -> Iterator[str]:
    """Columns whose name is one of their own values; first the one most like labels."""
    names = list(rows[0].cells)
    if [name for name in names if name] == list(map(str, range(sum(map(bool, names))))):
        return  # pandas counts columns that nobody named
    body = [row for row in rows if any(row.peek(name) != name for name in names)]  # no header again
    values = {name: {row.peek(name) for row in body} for name in names}
    gaps = {name: not all(values[name]) or len(values[name]) == 1 for name in names}
    for name in sorted(names, key=lambda name: (gaps[name], len(values[name]))):
        if name in values[name]:
            yield name


def _columns_hint(target: str, label: str, rows: Sequence[Row]) -> str:
    """The option that names the columns, `target` as the label and the longest as the text."""
    names = list(rows[0].cells)
    sizes = {name: sum(len(row.peek(name) or "") for row in rows) for name in names}
    text = max((name for name in names if name != target), key=lambda name: sizes[name], default="")
    roles = {target: label, text: "text"}
    columns = [roles.get(name, f"column{at}") for at, name in enumerate(names, 1)]
    return f"name the columns: `columns` {quote(','.join(columns))} `label` {quote(label)}"


def _refuse_no_labels(data: Path, label: str, labels: Counter[str], rows: Sequence[Row]) -> None:
    if len(labels) == 1:
        problem = f"always holds {next(iter(labels))!r}"
    elif one_a_row(len(labels), len(rows)):
        problem = (
            f"holds {len(labels)} different values in {len(rows)} rows, which look like ids or "
            'facts (kind = "facts"), no labels'
        )
    else:
        return
    others = listed([name for name in rows[0].cells if name != label])
    raise DataError.at(
        data, None, f"the column {label!r} {problem}; name another column with `label`: {others}"
    )
