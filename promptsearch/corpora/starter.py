"""The first task file: a commented TOML written from a table, ready to load and to edit."""

import json
import os
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from promptsearch.corpora.files import ENCODING
from promptsearch.corpora.tables import Layout, Row, read_rows
from promptsearch.errors import DataError

_FEW = 20  # labels; more, with hardly a row each, are no labels
_NAME = re.compile(r"[A-Za-z_]\w*")
_CHINESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")  # Chinese and Japanese: no spaces


def starter_task(
    data: Path,
    label: str,
    *,
    folder: Path | None = None,
    columns: tuple[str, ...] = (),
    encoding: str = ENCODING,
) -> str:
    """The text of a task file for the table `data`, to be written into `folder` (default: beside).

    `columns` names the columns of a table without a header. `DataError` where the label's column
    does not exist, or does not look like labels.
    """
    rows = list(read_rows(data, Layout(columns, encoding)))
    if not rows:
        raise DataError.at(data, None, "it has no rows; a task needs examples")
    labels = Counter(row.text(label).strip() for row in rows)
    _refuse_no_labels(data, label, labels, rows)
    return "\n".join(
        [
            "# A task for promptsearch. Edit it, then: promptsearch check --task THIS_FILE",
            f"name = {_quoted(_name(data))}",
            'kind = "classification"',
            "",
            *_files(data, folder or data.parent, columns, encoding),
            "",
            f"label = {_quoted(label)}",
            *_template(_longest(data, label, rows), rows),
            "",
            *_answers(labels),
            "",
        ]
    )


def _refuse_no_labels(data: Path, label: str, labels: Counter[str], rows: Sequence[Row]) -> None:
    if len(labels) == 1:
        problem = f"always holds {next(iter(labels))!r}"
    elif len(labels) > _FEW and 2 * len(labels) > len(rows):
        problem = f"holds {len(labels)} different values in {len(rows)} rows, which are no labels"
    else:
        return
    others = ", ".join(name for name in rows[0].cells if name != label)
    raise DataError.at(
        data, None, f"the column {label!r} {problem}; name another column with --label: {others}"
    )


def _longest(data: Path, label: str, rows: Sequence[Row]) -> str:
    """The column with the most text; only columns that every row fills count."""
    sizes = {
        name: sum(len(row.peek(name) or "") for row in rows)
        for name in rows[0].cells
        if name != label and all((row.peek(name) or "").strip() for row in rows)
    }
    if not sizes:
        message = f"beside the label {label!r} no column has a text in every row; add one"
        raise DataError.at(data, None, message)
    return max(sizes, key=lambda name: sizes[name])


def _files(data: Path, folder: Path, columns: tuple[str, ...], encoding: str) -> list[str]:
    """The keys that say how to read the data."""
    lines = [
        f"train = {_quoted(Path(os.path.relpath(data, folder)).as_posix())}",
        '# dev = "dev.tsv"                   # decides; without it a part of train is held out',
        '# test = "test.tsv"                 # only `promptsearch evaluate` reads it',
    ]
    if columns:
        lines += ["header = false", f"columns = [{', '.join(map(_quoted, columns))}]"]
    if encoding != ENCODING:
        lines.append(f"encoding = {_quoted(encoding)}")
    return lines


def _template(column: str, rows: Sequence[Row]) -> list[str]:
    """The keys around the prompt. A template names words, so `#1 String` is given another name."""
    field = column if _NAME.fullmatch(column) else _free("text", rows[0].cells)
    chinese = _spaceless(row.peek(column) or "" for row in rows)
    wording = "这是[Z]。" if chinese else " It was [Z]."
    lines = [
        f"inputs = [{_quoted(field)}]                # columns a template may use",
        "# Where the search starts: your best guess, which every found prompt is compared to.",
        f"template = {_quoted(f'{{{field}}}{wording}')}",
        f"language = {_quoted('zh' if chinese else 'en')}",
        '# corpus = ["reviews.txt.gz"]      # text to mine prompts from; optional',
    ]
    renamed = ["", "[rename]", f"{_quoted(column)} = {_quoted(field)}"]
    return lines if column == field else lines + renamed


def _free(name: str, taken: Container[str]) -> str:
    return name if name not in taken else _free(name + "_", taken)


def _answers(labels: Counter[str]) -> list[str]:
    """Each label with its own name as its answer: a start that loads, meant to be edited."""
    return [
        "# label = its answers: words the model may say. The labels' names are only a start.",
        "[answers]",
        *(f"{_key(label)} = [{_quoted(label)}]  # {n} rows" for label, n in labels.most_common()),
    ]


def _name(data: Path) -> str:
    """`sst2/train.tsv.gz` is about sst2; `reviews.csv` about reviews."""
    stem = data.name.split(".")[0]
    return data.absolute().parent.name if stem in ("train", "dev", "test", "data") else stem


def _spaceless(texts: Iterable[str]) -> bool:
    text = "".join(texts)
    return 2 * len(_CHINESE.findall(text)) > len(text)


def _key(label: str) -> str:
    return label if re.fullmatch(r"[A-Za-z0-9_-]+", label) else _quoted(label)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's, but TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
