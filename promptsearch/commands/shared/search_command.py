"""The steps of a command that searches one task with one strategy."""

from collections.abc import Mapping
from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.options import layout_of
from promptsearch.commands.shared.run_search import (
    After,
    described,
    output_directory,
    search_into,
    settings_from,
)
from promptsearch.commands.shared.searcher_options import build_searcher
from promptsearch.commands.shared.start_templates import with_start_templates
from promptsearch.data import PROMPTED, TaskDefinition, load_task
from promptsearch.engine.strategy import ModelVariant, Precheck, Searcher
from promptsearch.models import Options
from promptsearch.models.loading.files import find_model_files
from promptsearch.runs.run import task_of
from promptsearch.scoring.calibration import check_calibration
from promptsearch.searchers import SEARCHERS


def run_search_command(strategy: str, task: str, options: Mapping[str, Any]) -> None:
    """Search with the strategy that the options describe; the model loads last."""
    kinds = getattr(SEARCHERS[strategy], "kinds", PROMPTED)
    definition = load_task(task, kinds, layout_of(options))
    options = with_start_templates(SEARCHERS[strategy], options, definition)
    searcher = build_searcher(SEARCHERS[strategy], options)
    if isinstance(searcher, ModelVariant):
        options = {**options, "model": searcher.variant(options["model"])}
    if isinstance(searcher, Precheck):
        searcher.check(
            task_of(definition, None, settings_from(options), None), _model_options(options)
        )
    search_with(searcher, strategy, definition, options)


def _model_options(options: Mapping[str, Any]) -> Options:
    """Return the options that name the model and its family, which are needed before it loads."""
    names = ("family", "trust_remote_code")
    return Options(options["model"], **{name: options[name] for name in names})


def search_with(
    searcher: Searcher,
    strategy: str,
    definition: TaskDefinition,
    options: Mapping[str, Any],
    *messages: str,
    after: After | None = None,
) -> None:
    """Search with a strategy that is built already.

    `messages` are printed before the model loads; `after` runs when the search has ended.
    """
    console, settings = Console(options["quiet"]), settings_from(options)
    settings.metric(definition.kind)
    check_calibration(settings.calibration, len(definition.labels))
    find_model_files(options["model"])
    for line in (described(definition), *messages):
        console.say(line)
    with output_directory(options, definition, strategy) as directory:
        search_into(directory, searcher, definition, options, settings, console, after)
