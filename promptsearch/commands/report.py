"""`promptsearch report`: what a search found and what it is worth, on one page."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.console import Console
from promptsearch.commands.evaluate import compared, found_with, scoring_as, split_of, task_named
from promptsearch.commands.options import computing_options, loading_options, quiet_option
from promptsearch.corpora import load_task
from promptsearch.ensembling import read_ensemble
from promptsearch.evaluation import evaluate
from promptsearch.exports.native import PromptFile, read_prompts
from promptsearch.report.material import Examined, Material, ended
from promptsearch.report.page import page_of
from promptsearch.report.plots import check_installed
from promptsearch.report.sections.summary import verdict
from promptsearch.report.trials import read_trials
from promptsearch.runs import with_words
from promptsearch.storage import write_atomic


@click.command("report")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="[default: report.html beside PROMPTS]",
)
@click.option("--task", "-t", metavar="TASK", help="A task file or a built-in task's name.")
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
@click.option(
    "--model", "-m", metavar="SPEC", help="[default: the one the prompts were found with]"
)
@loading_options
@computing_options
@quiet_option
def command(prompts: Path, **given: Any) -> None:
    """Write a page about PROMPTS: scores, the search, mistakes, and what it all means.

    One HTML file with its plots, which needs no network. The ledger is read where it lies beside
    PROMPTS.
    """
    check_installed()
    console, file = Console(given["quiet"]), read_prompts(prompts)
    trials = read_trials(prompts.parent)
    examined = _examined(file, given, console) if given["asks"] else None
    material = Material(file, trials, given["top"], examined, ended(prompts.parent))
    path = given["output"] or prompts.with_name("report.html")
    write_atomic(path, page_of(material))
    click.echo(verdict(material))
    click.echo(f"wrote {path}")


def _examined(file: PromptFile, given: dict[str, Any], console: Console) -> Examined:
    """What the model says of the split."""
    definition = load_task(task_named(file, given["task"]))
    split = split_of(definition, given["split"] or ("test" if definition.test_files else "dev"))
    model = found_with(file, definition, given, console)
    definition = with_words(definition, model)
    with scoring_as(file, definition, model, given, console) as (scorer, judge):
        saved, ensemble = file.prompts[: given["top"]], read_ensemble(file, definition)
        cost = judge.cost([own.prompt for own in saved], split.examples)
        console.say(
            f"{len(saved)} prompts x {len(split.examples):,} {split.name} examples · "
            f"{cost.forwards:,} forwards"
        )
        evaluation = evaluate(saved, definition, scorer, split, judge, ensemble)
        return Examined.of(evaluation, compared(file, definition), given["mistakes"])
