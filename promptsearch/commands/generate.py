"""`promptsearch generate`: templates that a model writes around the right answers (LM-BFF)."""

from typing import Any

import rich_click as click

from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.data import load_task
from promptsearch.models.loading.files import find_model_files
from promptsearch.searchers.common.gap_template import GapTemplate, check
from promptsearch.searchers.generate.search import GenerateSearch


@click.command("generate")
@search_options(GenerateSearch)
def command(task: str, **given: Any) -> None:
    """Let a model write templates around the right answers of training examples.

    With a T5-like model (--generator DIR, or --model) this is the way of Gao et al. (2021),
    LM-BFF: one beam of spans for all examples. With a masked or causal model it is a way of ours:
    gaps are filled word by word, so that the built-in model is enough.
    """
    definition = load_task(task)
    for notation in given["layout"]:
        check(GapTemplate.parse(notation), definition.prompt.template, definition.inputs)
    if given["generator"]:
        find_model_files(given["generator"])
    search_one("generate", definition, given)
