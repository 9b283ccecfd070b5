"""`promptsearch answers probe`: words that a linear probe of the slot takes for a label."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.answer_search_command import search_answers
from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.searchers.answers.probe.search import ProbeSearch


@click.command("probe")
@search_options(ProbeSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search one or several words a label by a linear probe.

    The model reads each training example once; a classifier learns the label from its state at the
    slot, and is then given the vocabulary's words in place of states. Sets of the words that it
    takes for each label go to dev. Shin et al. (2020), AutoPrompt.
    """
    search_answers("answers-probe", task, starts, given)
