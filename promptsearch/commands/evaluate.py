"""`promptsearch evaluate`: scores of prompts on a split."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json
from promptsearch.commands.shared.evaluation_run import evaluated_files, evaluation_input
from promptsearch.commands.shared.evaluation_table import (
    EvaluatedFile,
    formatted_evaluations,
    print_evaluation,
)
from promptsearch.commands.shared.options import (
    computing_options,
    json_option,
    layout_options,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
    threshold_option,
)
from promptsearch.commands.shared.table_formats import FORMATS
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.commands.shared.unfinished_scores import unfinished_scores
from promptsearch.errors import RunError
from promptsearch.files.write import write_lines
from promptsearch.prompt_file.prompts_json import Json


@click.command("evaluate")
@click.argument("prompts", type=click.Path(path_type=Path), nargs=-1, required=True)
@saved_task_option
@click.option(
    "--split", type=click.Choice(["test", "dev", "train"]), default="test", show_default=True
)
@layout_options
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K")
@saved_model_option
@click.option(
    "--examples-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="What was predicted for each example.",
)
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@click.option(
    "--resume", is_flag=True, help="Go on with the scores of an evaluation that was stopped."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMATS]),
    default="text",
    show_default=True,
    help="text: a table a file. The others: one table over all files.",
)
@threshold_option
@click.option(
    "--length-norm",
    type=click.Choice(["none", "token", "char"]),
    help="Divide an answer's score by its length.  [default: as searched; none]",
)
@click.option(
    "--options-score",
    type=click.Choice(["logit", "log-odds"]),
    help="Layout options: the model's yes at an option, or yes against no.  [default: as searched; "
    "logit]",
)
@click.option(
    "--options-per-pass",
    type=click.IntRange(min=1),
    metavar="K",
    help="Layout options: read so many at a time; needs --options-score log-odds.",
)
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: tuple[Path, ...], **options: Any) -> None:
    """Score the first K prompts of each file of PROMPTS, in its order, beside the baselines.

    The difference to the manual prompt is paired: the same examples under both. `manual` in place
    of a file is the prompt of the task file, which no row has chosen.
    """
    if options["as_json"] and options["form"] != "text":
        raise RunError(f"--json and --format {options['form']} are two outputs; leave out one")
    console = Console(options["quiet"])
    inputs = [evaluation_input(path, options) for path in prompts]
    with unfinished_scores(prompts[0], options, console) as folder:
        files = evaluated_files(inputs, {**options, "cache": folder}, console)
    if options["as_json"]:
        print_json(_document(files))
    elif options["form"] != "text":
        echo(formatted_evaluations(files, options["form"]))
        _say_remarks(files, console)
    else:
        _print(files)
    if options["examples_out"]:  # last: what was computed is printed even if the disk is full
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in _example_rows(files))
        write_lines(options["examples_out"], rows)


def _document(files: Sequence[EvaluatedFile]) -> Json:
    """Return the document of one file as it is, those of several in a list."""
    if len(files) == 1:
        document: Json = files[0].document
        return document
    return {"files": [{"file": str(file.path), **file.document} for file in files]}


def _print(files: Sequence[EvaluatedFile]) -> None:
    for number, file in enumerate(files):
        if number:
            echo("")
        print_evaluation(file, file.title if len(files) == 1 else f"{file.path}: {file.title}")


def _say_remarks(files: Sequence[EvaluatedFile], console: Console) -> None:
    """Print the remarks apart from the table, which may go to a file."""
    for file in files:
        for remark in file.remarks:
            console.say(f"{file.path}: {remark}")


def _example_rows(files: Sequence[EvaluatedFile]) -> Iterator[Json]:
    """Yield the rows of all examples, with their file where there are several."""
    for file in files:
        about = {"file": str(file.path)} if len(files) > 1 else {}
        yield from ({**about, **row} for row in file.examples)
