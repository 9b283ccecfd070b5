"""`promptsearch mine`: templates from text between subject and object (LPAQA)."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.run_search import (
    described,
    output_directory,
    search_into,
    settings_from,
)
from promptsearch.commands.shared.searcher_options import build_searcher
from promptsearch.commands.shared.strategy_command import strategy_command
from promptsearch.data import TaskDefinition, load_task
from promptsearch.engine.strategy import Task
from promptsearch.models.loading.files import find_model_files
from promptsearch.runs.run import task_of
from promptsearch.runs.settings import Settings
from promptsearch.searchers.mine.search import MiningSearch, mine_tasks

tasks_option = click.option(
    "--task",
    "-t",
    "tasks",
    required=True,
    multiple=True,
    metavar="TASK",
    help="A task file, or a built-in task's name; repeat it to mine for several in one pass.",
)
corpus_option = click.option(
    "--corpus",
    multiple=True,
    metavar="FILE",
    help="Text to mine, beside the task's own; a glob works.",
)
no_score_option = click.option(
    "--no-score", is_flag=True, help="Stop when mined.jsonl is written; load no model."
)


def mine(**options: Any) -> None:
    """Mine templates for all tasks in one pass, then search each task."""
    console, settings = Console(options["quiet"]), settings_from(options)
    definitions = [_definition(name, options["corpus"]) for name in options["tasks"]]
    if len({definition.name for definition in definitions}) < len(definitions):
        raise click.UsageError("two tasks have the same name; rename one in its task file")
    searcher = build_searcher(MiningSearch, options)
    if not options["no_score"]:
        find_model_files(
            options["model"]
        )  # a missing model is an error now, not after an hour of mining
    for definition in definitions:
        settings.metric(definition.kind)
        console.say(described(definition))
    with ExitStack() as stack:
        directories = [
            stack.enter_context(output_directory(_output(options, d, definitions), d, "mine"))
            for d in definitions
        ]
        tasks = _mined_tasks(searcher, definitions, directories, settings, console)
        if options["no_score"]:
            return
        for definition, task in zip(definitions, tasks, strict=True):
            assert task.workspace is not None
            search_into(task.workspace, searcher, definition, options, settings, console)


command = strategy_command(
    "mine", MiningSearch, mine, corpus_option, no_score_option, task=tasks_option
)


def _definition(name: str, corpus: tuple[str, ...]) -> TaskDefinition:
    from promptsearch.files.read import expand

    definition = load_task(name)
    if not corpus:
        return definition
    return replace(definition, corpus=(*definition.corpus, *expand(corpus, Path())))


def _output(
    options: Mapping[str, Any], definition: TaskDefinition, definitions: list[TaskDefinition]
) -> Mapping[str, Any]:
    """Return the options with the task's own directory: below `output` if there are several."""
    if options["output"] is None or len(definitions) == 1:
        return options
    return {**options, "output": options["output"] / definition.name}


def _mined_tasks(
    searcher: MiningSearch,
    definitions: list[TaskDefinition],
    directories: list[Path],
    settings: Settings,
    console: Console,
) -> list[Task]:
    """Write each task's mined.jsonl, from one pass over the corpus; no model loads."""
    tasks = [
        task_of(definition, None, settings, directory, console.say)
        for definition, directory in zip(definitions, directories, strict=True)
    ]
    mine_tasks(searcher, tasks)
    for directory in directories:
        console.say(f"wrote {directory / 'mined.jsonl'}")
    return tasks
