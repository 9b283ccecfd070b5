"""The course of a command that searches the answers of one task."""

from pathlib import Path
from typing import Any

from promptsearch.commands.shared.search_command import search_one
from promptsearch.data import load_task
from promptsearch.formats.start_templates import templates_from
from promptsearch.searchers.answers.common.start import require_labels


def search_answers(
    strategy: str, task: str, starts: tuple[Path, ...], given: dict[str, Any]
) -> None:
    """Search with the strategy; what cannot be searched is said before the run begins."""
    definition = load_task(task)
    require_labels(definition.name, definition.kind, definition.prompt.template.slots)
    given["template"] = templates_from(given["template"], starts, definition)
    search_one(strategy, definition, given)
