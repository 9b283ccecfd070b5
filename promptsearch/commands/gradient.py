"""`promptsearch gradient`: trigger tokens by the model's gradients (AutoPrompt, GCG)."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.data import load_task
from promptsearch.prompt_file.prompts_json import read_prompts
from promptsearch.searchers.gradient.search import GradientSearch

from_prompts = click.option(
    "--from",
    "prompts",
    type=click.Path(path_type=Path),
    metavar="PROMPTS",
    help="Begin with the template of this file's first prompt (--where words: with its words).",
)


@click.command("gradient")
@search_options(GradientSearch, from_prompts)
def command(task: str, prompts: Path | None, **given: Any) -> None:
    """Search trigger tokens by gradients.

    Tokens of the template are changed one at a time, those that promise most by the gradient of
    the loss on the training examples; what is accepted is written as text and scored on dev.
    Shin et al. (2020), "AutoPrompt"; Zou et al. (2023), GCG.
    """
    if prompts is not None and given["template"]:
        raise click.UsageError("--from and --template both give a template; leave one out")
    definition = load_task(task)
    if prompts is not None:
        given["template"] = str(read_prompts(prompts).prompts[0].prompt.template)
    search_one("gradient", definition, given)
