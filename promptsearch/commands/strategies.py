"""The commands of the strategies, made from SEARCHERS: a strategy needs no module here."""

from collections.abc import Mapping
from functools import partial

import rich_click as click

from promptsearch.commands.shared.lazy_group import LazyCommand, LazyGroup, load_command
from promptsearch.searchers import SEARCHERS

ANSWERS = "answers-"  # strategies named so are commands of the group `answers`
MODULES = {"mine": "mine:command", "search": "search:command"}  # several tasks a pass; a plan


class AnswersGroup(LazyGroup):
    """The strategies of answer search."""

    def lazy_commands(self) -> Mapping[str, LazyCommand]:
        answers = [name for name in SEARCHERS if name.startswith(ANSWERS)]
        return {name.removeprefix(ANSWERS): _lazy_command(name) for name in answers}


@click.group("answers", cls=AnswersGroup)
def answers_group() -> None:
    """Search for the words that stand for the labels; the template stays as it is."""


def strategy_commands() -> dict[str, LazyCommand]:
    """Return the commands by name, in the order of SEARCHERS; those for answers are one group."""
    answers = LazyCommand(
        lambda: "Search the words that stand for the labels.", lambda: answers_group
    )
    commands: dict[str, LazyCommand] = {}
    for name in SEARCHERS:
        if name.startswith(ANSWERS):
            commands.setdefault("answers", answers)
        else:
            commands[name] = _lazy_command(name)
    return commands


def _lazy_command(strategy: str) -> LazyCommand:
    return LazyCommand(partial(SEARCHERS.summary, strategy), partial(_load, strategy))


def _load(strategy: str) -> click.Command:
    """Return the command of a module, or the one made from the strategy's class."""
    if strategy in MODULES:
        return load_command(MODULES[strategy])
    from promptsearch.commands.shared.strategy_command import command_of

    return command_of(strategy)
