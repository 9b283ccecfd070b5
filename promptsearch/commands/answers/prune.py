"""`promptsearch answers prune`: likely words, and the best of their combinations."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.answer_search_command import search_answers
from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.searchers.answers.prune.search import PruneSearch


@click.command("prune")
@search_options(PruneSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search one word a label: likely words first, then their combinations.

    The model reads the training examples once; of each label's likeliest words, the combinations
    that get most examples right go to dev. Gao et al. (2021), LM-BFF.
    """
    search_answers("answers-prune", task, starts, given)
