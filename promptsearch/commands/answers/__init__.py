"""`promptsearch answers`: searches for the words that stand for the labels."""

import rich_click as click

from promptsearch.commands.lazy import LazyGroup

COMMANDS: dict[str, str] = {}  # name -> module:attribute, as in `cli`
SUMMARIES: dict[str, str] = {}


class Answers(LazyGroup):
    """The strategies of answer search."""

    homes = COMMANDS
    summaries = SUMMARIES


@click.group("answers", cls=Answers)
def command() -> None:
    """Search for the words that stand for the labels; the template stays as it is."""
