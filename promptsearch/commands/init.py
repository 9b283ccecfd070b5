"""`promptsearch init`: a commented task file from a table."""

import shlex
from pathlib import Path

import rich_click as click

from promptsearch.commands.check import report
from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.data import load_task, starter_task
from promptsearch.data.scaffold.task_file_from_table import stem_of
from promptsearch.errors import RunError
from promptsearch.evaluation.checks import findings
from promptsearch.files.read import ENCODING, check_file
from promptsearch.files.write import check_apart, write_atomic


@click.command("init")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--label", required=True, metavar="COLUMN", help="The column with the labels.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The task file.  [default: DATA with .toml, beside it]",
    metavar="FILE.toml",
)
@click.option(
    "--columns",
    default="",
    metavar="A,B,...",
    help="Names of the columns, where there is no header.",
)
@click.option("--encoding", default=ENCODING, show_default=True)
@click.option("--overwrite", is_flag=True, help="Write over the task file.")
def command(
    data: Path, label: str, output: Path | None, columns: str, encoding: str, overwrite: bool
) -> None:
    """Write a commented task file for the labelled table DATA, then check it."""
    check_file(data)
    target = output or data.with_name(f"{stem_of(data)}.toml")
    check_apart(target, data)
    if target.exists() and not overwrite:
        raise RunError(f"{target}: exists; add --overwrite, or choose another with -o FILE.toml")
    names = tuple(filter(None, columns.split(",")))
    starter = starter_task(data, label, folder=target.parent, columns=names, encoding=encoding)
    write_atomic(target, starter.text)
    echo(f"wrote {target}; read it, then: {_command('check', target)}")
    echo(
        "the answers in it are the labels' names, a start: write words that a model may say, or "
        f"search for some: {_command('answers prune', target)}",
        err=True,
    )
    if starter.remark:
        echo(in_command(starter.remark), err=True)
    definition = load_task(target)
    report(definition.name, findings(definition))


def _command(name: str, task: Path) -> str:
    return shlex.join(["promptsearch", *name.split(), "--task", str(task)])
