"""The course of a command that searches one task with one strategy."""

from collections.abc import Mapping
from typing import Any

from promptsearch.commands.console import Console
from promptsearch.commands.fields import built
from promptsearch.commands.running import (
    After,
    default_directory,
    described,
    search_into,
    settings_from,
)
from promptsearch.corpora import TaskDefinition
from promptsearch.engine import Searcher
from promptsearch.models.sources import find
from promptsearch.scoring.calibrating import check_calibration
from promptsearch.searchers import SEARCHERS
from promptsearch.storage import run_directory


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
    find(given["model"])
    for line in (described(definition), *said):
        console.say(line)
    with run_directory(directory, resume=given["resume"], overwrite=given["overwrite"]):
        search_into(directory, searcher, definition, given, settings, console, after)
