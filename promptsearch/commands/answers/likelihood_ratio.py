"""`promptsearch answers likelihood-ratio`: words that tell a label from the others."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.answer_search_command import search_answers
from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.searchers.answers.likelihood_ratio.search import LikelihoodRatioSearch


@click.command("likelihood-ratio")
@search_options(LikelihoodRatioSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search one or several words a label: those that tell it from all others.

    The model reads the training examples once; each label's words are ranked by a likelihood ratio
    or by cross-entropy, and dev says how many are best. Schick et al. (2020), PETAL.
    """
    search_answers("answers-likelihood-ratio", task, starts, given)
