"""The text columns of a labelled table: those that `init` takes, and those it leaves out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data.scaffold.column_pairs import partner
from promptsearch.data.tables.nested import joined, reached
from promptsearch.data.tables.rows import Row
from promptsearch.errors import DataError

_NAME = re.compile(r"[A-Za-z_]\w*")
_ID_NAME = re.compile(r"(?:.*[^a-z])?(?:id|idx|index|guid|uuid)|.*[a-z]I[Dd]", re.ASCII)
_ID = re.compile(r"[!-~]*\d[!-~]*")  # no space, and a digit: "136628e", "0.5"
_TREE = re.compile(r"\(.*\(.*\)\s*\)", re.DOTALL)  # "( ( a girl ) runs )"
SPACELESS = r"[\u3040-\u30ff\u4e00-\u9fff]"  # Chinese and Japanese
_PROSE = re.compile(rf"\S\s+\S|{SPACELESS}")
_NEARLY = 0.8  # of the rows: a column with so many texts is meant to have one in each


@dataclass(frozen=True)
class Column:
    """A column as text; `plain` where a template can name it as it stands."""

    name: str
    texts: tuple[str, ...]  # one a row; "" where it has none
    plain: bool

    @property
    def size(self) -> int:
        return sum(map(len, self.texts))

    @property
    def gaps(self) -> list[int]:
        """The rows without a text."""
        return [at for at, text in enumerate(self.texts) if not text.strip()]

    @property
    def filled(self) -> list[str]:
        return [text.strip() for text in self.texts if text.strip()]

    @property
    def is_id(self) -> bool:
        if all(map(_ID.fullmatch, self.filled)):
            return True
        named = _ID_NAME.fullmatch(self.name) or _ID_NAME.fullmatch(self.name.lower())
        return bool(named) and not any(map(_PROSE.search, self.filled))

    @property
    def is_tree(self) -> bool:
        return self.name.lower().endswith("parse") or all(map(_TREE.fullmatch, self.filled))

    @property
    def is_prose(self) -> bool:
        """More than words that sort the rows, such as a genre."""
        return 2 * sum(bool(_PROSE.search(text)) for text in self.filled) > len(self.texts)


@dataclass(frozen=True)
class TextColumns:
    """A column or a pair of them, and the other columns with text."""

    inputs: tuple[Column, ...]
    others: tuple[Column, ...]


def chosen_columns(data: Path, label: str, rows: Sequence[Row]) -> TextColumns:
    """The longest text that every row has, no id and no parse, with its partner where it has one.

    `DataError` names the line and the column where a text is missing.
    """
    columns = [column for column in _columns(rows) if column.name != label and column.filled]
    texts = [column for column in columns if not (column.is_id or column.is_tree)]
    best = _best(data, label, columns, texts, rows)
    full = {column.name: column for column in texts if not column.gaps}
    pair = partner(best.name, full) if best.name in full else None
    inputs = tuple(full[name] for name in pair) if pair else (best,)
    return TextColumns(inputs, tuple(c for c in columns if c not in inputs and not c.is_id))


def _best(
    data: Path, label: str, columns: Sequence[Column], texts: Sequence[Column], rows: Sequence[Row]
) -> Column:
    full = [column for column in texts if not column.gaps]
    longest = max(texts or columns, key=lambda column: column.size, default=None)
    if longest is None:
        message = f"beside the label {label!r} no column has a text; add one"
        raise DataError.at(data, None, message)
    if prose := [column for column in full if column.is_prose]:
        return max(prose, key=lambda column: column.size)
    lacking = len(longest.gaps)
    if lacking and (not full or len(longest.filled) >= _NEARLY * len(rows)):
        raise rows[longest.gaps[0]].error(
            f"the column {longest.name!r} is empty ({lacking} of {len(rows)} rows), and beside the "
            f"label {label!r} no column has a text in every row; fill it in or remove the row"
        )
    return max(full or [longest], key=lambda column: column.size)


def _columns(rows: Sequence[Row]) -> Iterator[Column]:
    """Yield every column of any row, also what is nested once (`h.name`) and lists of tokens."""
    for name in dict.fromkeys(name for row in rows for name in _names(row)):
        plain = bool(_NAME.fullmatch(name)) and not any(
            isinstance(row.cells.get(name), list) for row in rows
        )
        yield Column(name, tuple(_text(row, name) for row in rows), plain)


def _names(row: Row) -> Iterator[str]:
    for name, value in row.cells.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _text(row: Row, name: str) -> str:
    value = row.cells[name] if name in row.cells else reached(row.cells, name)
    return replace(row, cells={name: joined(value)}).peek(name) or ""
