"""The command of a strategy: its docstring is the help, its fields are the options."""

import inspect
from collections.abc import Callable
from typing import Any

import rich_click as click

from promptsearch.commands.shared.options import Decorator, task_option
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.commands.shared.start_templates import start_options
from promptsearch.searchers import SEARCHERS


def command_of(strategy: str) -> click.Command:
    """Return the command that searches one task with the strategy."""

    def run(task: str, **options: Any) -> None:
        from promptsearch.commands.shared.search_command import run_search_command

        run_search_command(strategy, task, options)

    name = strategy.removeprefix("answers-")
    return strategy_command(name, SEARCHERS[strategy], run)


def strategy_command(
    name: str,
    searcher: type,
    run: Callable[..., None],
    *extra: Decorator,
    task: Decorator = task_option,
) -> click.Command:
    """Return a command with the options of every search, the strategy's fields, and `extra`."""
    options = search_options(searcher, *extra, *start_options(searcher), task=task)
    return click.command(name, help=inspect.getdoc(searcher))(options(run))
