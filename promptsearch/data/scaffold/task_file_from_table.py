"""The first task file: a commented TOML written from a table, ready to load and to edit."""

import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data.scaffold.label_column import labels_of
from promptsearch.data.scaffold.text_columns import SPACELESS, Column, chosen_columns
from promptsearch.data.tables.rows import FORMATS, TableFormat, read_rows
from promptsearch.data.tasks.toml_keys import toml_string
from promptsearch.errors import DataError, listed
from promptsearch.files.read import COMPRESSED, ENCODING

_CHINESE = re.compile(SPACELESS)


@dataclass(frozen=True)
class Starter:
    """A task file, the columns its template reads, and those with text that it leaves."""

    text: str
    inputs: tuple[str, ...]  # as the template names them
    unused: tuple[Column, ...]

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(map(_described, self.unused))

    @property
    def remark(self) -> str:
        """A remark on the columns; "" if only one has text."""
        if not self.unused and len(self.inputs) < 2:
            return ""
        note = f"; {_unused_note(self.unused)}" if self.unused else ""
        return f"the template reads {', '.join(self.inputs)}{note}"


def starter_task(
    data: Path,
    label: str,
    *,
    folder: Path | None = None,
    columns: tuple[str, ...] = (),
    encoding: str = ENCODING,
) -> Starter:
    """Return a task file for the table `data`, to be written into `folder` (default: beside).

    `columns` names the columns of a table without a header. Raises DataError if the label's column
    does not exist, or does not look like labels, and where no column has a text in every row.
    """
    rows = list(read_rows(data, TableFormat(columns, encoding)))
    if not rows:
        raise DataError.at(data, None, "it has no rows; a task needs examples")
    labels = labels_of(data, label, rows, named=bool(columns))
    choice = chosen_columns(data, label, rows)
    fields = _fields(choice.inputs, {name for row in rows for name in row.cells})
    lines = [
        "# A task for promptsearch. Edit it, then: promptsearch check --task THIS_FILE",
        f"name = {toml_string(_name(data))}",
        'kind = "classification"',
        "",
        *_files(data, folder or data.parent, columns, encoding),
        "",
        f"label = {toml_string(label)}",
        *_template(choice.inputs, fields, choice.others),
        "",
        *_answers(labels),
        "",
    ]
    return Starter("\n".join(lines), fields, choice.others)


def _fields(inputs: Sequence[Column], taken: Set[str]) -> tuple[str, ...]:
    """Return the names in the template, which names words: `#1 String` is given another one."""
    new = ["text"] if len(inputs) == 1 else [f"text{at}" for at in range(1, len(inputs) + 1)]
    return tuple(
        column.name if column.plain else _free(name, taken)
        for column, name in zip(inputs, new, strict=True)
    )


def _described(column: Column) -> str:
    """Return its name, on one line, and whether some rows lack it."""
    name = column.name if column.name.isprintable() else toml_string(column.name)
    if not column.gaps:
        return name
    return f"{name} (empty in {len(column.gaps)} of {len(column.texts)} rows)"


def _unused_note(unused: Sequence[Column]) -> str:
    plain = all(column.plain for column in unused)
    names = listed([_described(column) for column in unused])
    return (
        f"other columns with text, left out: {names}; to use one, add it to inputs and to the "
        f"template{'' if plain else ', with a plain name under [rename]'}"
    )


def _files(data: Path, folder: Path, columns: tuple[str, ...], encoding: str) -> list[str]:
    """Return the keys that say how to read the data."""
    lines = [
        f"train = {toml_string(Path(os.path.relpath(data, folder)).as_posix())}",
        '# dev = "dev.tsv"                   # decides; without it a part of train is held out',
        '# test = "test.tsv"                 # only `promptsearch evaluate` reads it',
    ]
    if columns:
        lines += ["header = false", f"columns = [{', '.join(map(toml_string, columns))}]"]
    if encoding != ENCODING:
        lines.append(f"encoding = {toml_string(encoding)}")
    return lines


def _template(
    inputs: Sequence[Column], fields: Sequence[str], unused: Sequence[Column]
) -> list[str]:
    """Return the keys around the prompt."""
    chinese = _spaceless(text for column in inputs for text in column.texts)
    names = ", ".join(map(toml_string, fields))
    renamed = [
        f"{toml_string(column.name)} = {toml_string(field)}"
        for column, field in zip(inputs, fields, strict=True)
        if column.name != field
    ]
    return [
        *([f"# O{_unused_note(unused)[1:]}."] if unused else []),
        f"inputs = [{names}]                # columns a template may use",
        "# Where the search starts: your best guess, which every found prompt is compared to.",
        f"template = {toml_string(_wording(fields, chinese))}",
        f"language = {toml_string('zh' if chinese else 'en')}",
        '# corpus = ["reviews.txt.gz"]      # text to mine prompts from; optional',
        *(["", "[rename]", *renamed] if renamed else []),
    ]


def _wording(fields: Sequence[str], chinese: bool) -> str:
    """Return LM-BFF's template for one text or for a pair."""
    placeholders = [f"{{{field}}}" for field in fields]
    if len(placeholders) == 1:
        return placeholders[0] + ("这是[Z]。" if chinese else " It was [Z].")
    return ("？[Z]，" if chinese else " ? [Z] , ").join(placeholders)


def _free(name: str, taken: Container[str]) -> str:
    return name if name not in taken else _free(name + "_", taken)


def _answers(labels: Counter[str]) -> list[str]:
    """Return each label with its own name as its answer: a start that loads, meant to be edited."""
    return [
        "# label = its answers: words the model may say. The labels' names are only a start.",
        "[answers]",
        *(
            f"{_key(label)} = [{toml_string(label)}]  # {n} rows"
            for label, n in labels.most_common()
        ),
    ]


def stem_of(data: Path) -> str:
    """Return a file's name without its endings and the dots before it: `.a (v1.2).csv.gz`.

    >>> stem_of(Path("data/a (v1.2).csv.gz"))
    'a (v1.2)'
    """
    path = Path(data.name)
    while path.suffix.lower() in (*FORMATS, ".txt", *COMPRESSED):
        path = path.with_suffix("")
    return path.name.lstrip(".") or path.name


def _name(data: Path) -> str:
    """Return the task's name: sst2 for `sst2/train.tsv.gz`, reviews for `reviews.csv`."""
    stem = stem_of(data)
    folder = data.absolute().parent.name
    return folder if stem in ("train", "dev", "test", "data") and folder else stem


def _spaceless(texts: Iterable[str]) -> bool:
    text = "".join(texts)
    return 2 * len(_CHINESE.findall(text)) > len(text)


def _key(label: str) -> str:
    return label if re.fullmatch(r"[A-Za-z0-9_-]+", label) else toml_string(label)
