"""`promptsearch answers decompose`: label names taken apart, and rules over several slots."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import built, search_options
from promptsearch.data import load_task
from promptsearch.formats.start_templates import templates_from
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.answers.decompose.search import STRATEGY, DecomposeSearch


@click.command("decompose")
@search_options(DecomposeSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Make answers of the label names, or of rules with a word for each of several slots.

    A name's words share one slot (their probabilities are summed), or a rule gives a word to each
    slot (their log-probabilities are). Several templates are tried. Chen et al. (2021), AdaPrompt;
    Han et al. (2021), PTR.
    """
    definition = load_task(task)
    require_labels(definition.name, definition.kind)
    given["template"] = templates_from(given["template"], starts, definition, any_slots=True)
    built(DecomposeSearch, given).proposals(definition.prompt, definition.inputs)
    search_one(STRATEGY, definition, given)
