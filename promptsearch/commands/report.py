"""`promptsearch report`: a search's prompts and their scores, on one page."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.model_predictions import model_predictions
from promptsearch.commands.shared.options import (
    computing_options,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
)
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.errors import RunError
from promptsearch.evaluation.report.inputs import ReportInputs, ended
from promptsearch.evaluation.report.page import page_of
from promptsearch.evaluation.report.sections.summary import verdict
from promptsearch.evaluation.report.svg import check_installed
from promptsearch.evaluation.report.trials import read_trials
from promptsearch.files.write import make_folder_of, write_atomic
from promptsearch.prompt_file.prompts_json import read_prompts


@click.command("report")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="[default: report.html beside PROMPTS]",
)
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@saved_task_option
@click.option(
    "--split",
    type=click.Choice(["test", "dev"]),
    help="The examples that the model is asked.  [default: test, where the task has it]",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="K",
    help="The first K prompts are compared, on dev and on the split.",
)
@click.option(
    "--mistakes",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    metavar="N",
    help="Wrong examples that are shown.",
)
@click.option(
    "--evaluate/--no-evaluate",
    "asks",
    default=True,
    show_default=True,
    help="Ask the model. Without it the report says what PROMPTS and its ledger hold.",
)
@saved_model_option
@loading_options
@computing_options
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """Write a page about PROMPTS: scores, the search, mistakes, and what it all means.

    One HTML file with its plots, which needs no network. The ledger is read where it lies beside
    PROMPTS.
    """
    check_installed()
    console, file = Console(options["quiet"]), read_prompts(prompts)
    path = options["output"] or prompts.with_name("report.html")
    _check_page_path(path)
    # report.html is the page of these prompts: made again, it takes its own place
    again = {**options, "overwrite": options["overwrite"] or not options["output"]}
    check_output(path, again, file=file)
    trials = read_trials(prompts.parent)
    top, predictions = options["top"], None
    if options["asks"]:
        predictions = model_predictions(file, options, console, top, options["mistakes"])
    inputs = ReportInputs(file, trials, top, predictions, ended(prompts.parent))
    echo(verdict(inputs))
    write_atomic(path, page_of(inputs))
    echo(f"wrote {path}")


def _check_page_path(path: Path) -> None:
    """Raise RunError if no page can be written there, before the model loads."""
    if path.suffix not in (".html", ".htm"):
        raise RunError(f"{path}: a report is a page; give it a name that ends in .html")
    make_folder_of(path, "choose -o FILE.html")
