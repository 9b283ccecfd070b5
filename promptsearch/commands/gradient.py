"""`promptsearch gradient`: trigger tokens by the model's gradients (AutoPrompt, GCG)."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.console import Console
from promptsearch.commands.options import (
    built,
    computing_options,
    json_option,
    judging_options,
    limit_options,
    loading_options,
    output_options,
    quiet_option,
    searcher_options,
    task_option,
)
from promptsearch.commands.running import (
    default_directory,
    described,
    search_into,
    settings_from,
)
from promptsearch.corpora import load_task
from promptsearch.exports.native import read_prompts
from promptsearch.models.sources import find
from promptsearch.searchers.gradient import GradientSearch
from promptsearch.storage import run_directory


@click.command("gradient")
@task_option
@click.option("--model", "-m", default="builtin", show_default=True, metavar="SPEC")
@click.option(
    "--from",
    "prompts",
    type=click.Path(path_type=Path),
    metavar="PROMPTS",
    help="Begin with the template of this file's first prompt (--where words: with its words).",
)
@searcher_options(GradientSearch)
@judging_options
@limit_options
@computing_options
@output_options
@loading_options
@json_option
@quiet_option
def command(task: str, prompts: Path | None, **given: Any) -> None:
    """Search trigger tokens by gradients.

    Tokens of the template are changed one at a time, those that promise most by the gradient of
    the loss on the training examples; what is accepted is written as text and scored on dev.
    Shin et al. (2020), "AutoPrompt"; Zou et al. (2023), GCG.
    """
    if prompts is not None and given["template"]:
        raise click.UsageError("--from and --template both give a template; leave one out")
    console, settings = Console(given["quiet"]), settings_from(given)
    definition = load_task(task)
    if prompts is not None:
        given["template"] = str(read_prompts(prompts).prompts[0].prompt.template)
    settings.metric(definition.kind)
    directory = given["output"] or default_directory(definition.name, "gradient")
    find(given["model"])
    console.say(described(definition))
    flags = {"resume": given["resume"], "overwrite": given["overwrite"]}
    with run_directory(directory, **flags):
        searcher = built(GradientSearch, given)
        search_into(directory, searcher, definition, given, settings, console)
