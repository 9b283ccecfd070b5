"""Options of the rows to read and of the rows to write."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.options import stacked
from promptsearch.data import TableFormat
from promptsearch.data.tables.parquet import pyarrow_for
from promptsearch.data.tasks.reader import Reader
from promptsearch.errors import RunError
from promptsearch.files.read import kind_of
from promptsearch.files.stdin import STDIN
from promptsearch.prediction.table.label_rows import CHUNK
from promptsearch.prediction.table.output import Target

PIPE = "-"

table_options = stacked(
    click.option(
        "--input",
        "-i",
        "table",
        required=True,
        metavar="FILE",
        help="Rows to label: .csv, .tsv, .jsonl, .json or .parquet, also .gz or .zst. -: standard "
        "input.",
    ),
    click.option(
        "--output",
        "-o",
        default=PIPE,
        metavar="FILE",
        help="The same rows with their labels: .jsonl, .csv, .tsv or .parquet.  [default: standard "
        "output]",
    ),
    click.option(
        "--format",
        type=click.Choice(["jsonl", "csv", "tsv"]),
        default="jsonl",
        show_default=True,
        help="Of standard input and standard output.",
    ),
    click.option(
        "--columns",
        default="",
        metavar="A,B,...",
        help="Names of the columns, where there is no header.  [default: the task's]",
    ),
    click.option(
        "--header", is_flag=True, help="There is a header, if the task's files have none."
    ),
    click.option(
        "--rename",
        multiple=True,
        metavar="COLUMN=NAME",
        help="A column that the task knows by another name; repeat it for several.",
    ),
    click.option("--encoding", help="Of the rows.  [default: the task's]"),
    click.option(
        "--prefix", default="", metavar="TEXT", help="Put it before the names of the new columns."
    ),
    click.option(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="At a row that cannot be labelled; skip leaves it out and says so.",
    ),
    click.option(
        "--chunk",
        type=click.IntRange(min=1),
        default=CHUNK,
        show_default=True,
        metavar="N",
        help="Rows that are labelled and written together: what a kill can cost.",
    ),
    click.option("--resume", is_flag=True, help="Go on with a file that is half made."),
    click.option("--overwrite", is_flag=True, help="Start anew."),
)


def table_of(options: Mapping[str, Any]) -> Path:
    """Return the table to read."""
    return STDIN if options["table"] == PIPE else Path(options["table"])


def reading_of(reader: Reader, options: Mapping[str, Any]) -> Reader:
    """Return the task's reader, adapted by the options to these rows."""
    if options["header"] and options["columns"]:
        raise click.UsageError("--header and --columns: either there is a header, or there is none")
    table_format, renamed = reader.layout, dict(map(renaming, options["rename"]))
    remaining = {
        old: new for old, new in table_format.rename.items() if new not in renamed.values()
    }
    columns = tuple(filter(None, options["columns"].split(",")))
    layout = TableFormat(
        columns=columns or (() if options["header"] else table_format.columns),
        encoding=options["encoding"] or table_format.encoding,
        rename={**remaining, **renamed},
        ending=f".{options['format']}" if options["table"] == PIPE else "",
        lists=table_format.lists,
    )
    return replace(reader, layout=layout)


def renaming(text: str) -> tuple[str, str]:
    """Return the column and the name of one --rename."""
    column, _, name = text.rpartition("=")
    if not column or not name:
        raise click.UsageError(f"--rename {text}: write COLUMN=NAME, such as 'review body=text'")
    return column, name


def ending_of(options: Mapping[str, Any]) -> str:
    """Return the ending of the output."""
    path = Path(options["output"])
    return f".{options['format']}" if options["output"] == PIPE else path.suffix.lower()


def target_of(options: Mapping[str, Any]) -> Target | None:
    """Return the file to write; None for standard output.

    Raises RunError if it cannot be written.
    """
    if options["output"] == PIPE:
        if options["resume"]:
            raise RunError("--resume needs --output FILE: what went to standard output is gone")
        return None
    file = Path(options["output"])
    if options["resume"] and options["overwrite"]:
        raise click.UsageError("--resume and --overwrite: choose one")
    if file.is_dir():
        raise RunError(f"--output {file} is a folder; name a file in it")
    table = Path(options["table"])
    if table.is_file() and file.exists() and file.samefile(table):
        raise RunError(f"--output {file} is the input; choose another file")
    if kind_of(file) == ".parquet":
        _check_parquet(file, options)
    return Target(file)


def _check_parquet(file: Path, options: Mapping[str, Any]) -> None:
    """Raise RunError if Parquet cannot be written, before the first row and not after the last."""
    pyarrow_for(file)
    if options["table"] == PIPE:
        raise RunError(
            f"--output {file}: for Parquet the input is read twice, and standard input cannot be; "
            "write .jsonl, or give --input FILE"
        )
