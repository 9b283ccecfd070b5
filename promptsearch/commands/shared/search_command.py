"""The course of a command that searches one task with one strategy."""

from collections.abc import Mapping
from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.run_search import (
    After,
    default_directory,
    described,
    search_into,
    settings_from,
)
from promptsearch.commands.shared.searcher_options import built
from promptsearch.data import TaskDefinition
from promptsearch.engine.strategy import Searcher
from promptsearch.models.loading.files import find_model_files
from promptsearch.runs.directory import run_directory
from promptsearch.scoring.calibration import check_calibration
from promptsearch.searchers import SEARCHERS


def search_one(strategy: str, definition: TaskDefinition, given: Mapping[str, Any]) -> None:
    """Search with the strategy that the options describe; the model loads last."""
    search_with(built(SEARCHERS[strategy], given), strategy, definition, given)


def search_with(
    searcher: Searcher,
    strategy: str,
    definition: TaskDefinition,
    given: Mapping[str, Any],
    *said: str,
    after: After | None = None,
) -> None:
    """The same with a strategy that is made already.

    `said` are lines about the search, told before the model loads; `after` comes last.
    """
    console, settings = Console(given["quiet"]), settings_from(given)
    settings.metric(definition.kind)
    directory = given["output"] or default_directory(definition.name, strategy)
    check_calibration(settings.calibration, len(definition.labels))
    find_model_files(given["model"])
    for line in (described(definition), *said):
        console.say(line)
    with run_directory(directory, resume=given["resume"], overwrite=given["overwrite"]):
        search_into(directory, searcher, definition, given, settings, console, after)
